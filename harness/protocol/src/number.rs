//! Integers that every JSON reader keeps: above 2^53 they are strings.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest integer that a double holds exactly.
const MOST: i128 = 1 << 53;

/// An integer as it is written.
struct Wire<T>(T);

impl<T: Copy + Into<i128>> Serialize for Wire<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: i128 = self.0.into();
        match i64::try_from(number) {
            Ok(small) if number.abs() <= MOST => serializer.serialize_i64(small),
            _ => serializer.collect_str(&number),
        }
    }
}

struct Reading<T>(PhantomData<T>);

impl<T: TryFrom<i128> + FromStr> Visitor<'_> for Reading<T> {
    type Value = Wire<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an integer, or a string that holds one")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        T::try_from(number.into()).map(Wire).map_err(|_| E::custom("the integer is out of range"))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        T::try_from(number.into()).map(Wire).map_err(|_| E::custom("the integer is out of range"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse()
            .map(Wire)
            .map_err(|_| E::custom(format!("`{text}` is not an integer in range")))
    }
}

impl<'de, T: TryFrom<i128> + FromStr> Deserialize<'de> for Wire<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading(PhantomData))
    }
}

/// A required integer.
pub(crate) mod required {
    use super::{Deserialize, Deserializer, FromStr, Serialize, Serializer, Wire};

    pub(crate) fn serialize<T, S>(number: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Copy + Into<i128>,
        S: Serializer,
    {
        Wire(*number).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: TryFrom<i128> + FromStr,
        D: Deserializer<'de>,
    {
        Wire::deserialize(deserializer).map(|wire| wire.0)
    }
}

/// An integer that may be null or absent.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, FromStr, Serialize, Serializer, Wire};

    pub(crate) fn serialize<T, S>(number: &Option<T>, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Copy + Into<i128>,
        S: Serializer,
    {
        number.map(Wire).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: TryFrom<i128> + FromStr,
        D: Deserializer<'de>,
    {
        Option::<Wire<T>>::deserialize(deserializer).map(|wire| wire.map(|wire| wire.0))
    }
}
