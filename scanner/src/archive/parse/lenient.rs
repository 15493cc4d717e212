//! Reading JSON leniently: a member of another type than it should have counts as absent, and of several with one name the last
//! counts.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::line::Defect;
use super::text::{LONGEST, MARK};

/// Something that is read from the members of an object, one after the other; anything else than an object is nothing.
pub(super) trait Members: Default {
    /// Takes the value of the member `name`. `None` if it is not one of these: then it was not read.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error>;
}

/// Reads the next value of `map` into `place`, which takes only what has the right type.
pub(super) fn into<'de, T, A>(place: &mut Option<T>, map: &mut A) -> Result<Option<()>, A::Error>
where
    T: Lenient,
    A: MapAccess<'de>,
{
    *place = map.next_value::<Maybe<T>>()?.0;
    Ok(Some(()))
}

pub(super) fn object_into<'de, T, A>(place: &mut Option<T>, map: &mut A) -> Result<Option<()>, A::Error>
where
    T: Members,
    A: MapAccess<'de>,
{
    *place = map.next_value::<Maybe<Object<T>>>()?.0.map(|object| object.0);
    Ok(Some(()))
}

/// A value of the wrong type is none.
pub(super) struct Maybe<T>(pub(super) Option<T>);

/// What can be taken from a value of any type.
pub(super) trait Lenient: Sized {
    fn of_text(_text: &str) -> Option<Self> {
        None
    }
    /// `None` for a number that is negative, fractional, or too large.
    fn of_number(_number: Option<u64>) -> Option<Self> {
        None
    }
    fn of_members<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// A text that is not empty, or its beginning.
pub(super) struct Text {
    pub(super) text: String,
    is_cut: bool,
}

impl Text {
    fn of(text: &str) -> Option<Self> {
        let is_cut = text.len() > LONGEST;
        let end = (0..=text.len().min(LONGEST)).rev().find(|at| text.is_char_boundary(*at));
        let text = text.get(..end?)?;
        (!text.contains(MARK)).then(|| Self { text: text.to_owned(), is_cut })
    }

    /// What it says; whether it is too long is reported.
    pub(super) fn reported(self, defect: &mut Option<Defect>) -> String {
        if self.is_cut {
            defect.get_or_insert(Defect::LongText);
        }
        self.text
    }
}

impl Lenient for Text {
    fn of_text(text: &str) -> Option<Self> {
        Self::of(text).filter(|text| !text.text.is_empty())
    }
}

/// A text that may be empty; white space alone is.
pub(super) struct Blank(pub(super) Text);

impl Lenient for Blank {
    fn of_text(text: &str) -> Option<Self> {
        Text::of(if text.trim().is_empty() { "" } else { text }).map(Self)
    }
}

/// A number.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Is(u64),
    /// It is negative, fractional, or too large.
    Other,
}

impl Lenient for Number {
    fn of_number(number: Option<u64>) -> Option<Self> {
        Some(number.map_or(Self::Other, Self::Is))
    }
}

/// Something is there.
pub(super) struct There;

impl Lenient for There {
    fn of_text(_: &str) -> Option<Self> {
        Some(Self)
    }
    fn of_members<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(Self))
    }
}

/// An object, read member by member.
pub(super) struct Object<T>(pub(super) T);

impl<T: Members> Lenient for Object<T> {
    fn of_members<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Self>, A::Error> {
        let mut object = T::default();
        while let Some(Name(name)) = map.next_key()? {
            if object.take(&name, map)?.is_none() {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Some(Self(object)))
    }
}

/// The name of a member. Nothing that matters has a long one.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl<'de, T: Lenient> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Lenient> Visitor<'de> for Any<T> {
            type Value = Maybe<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Maybe(T::of_number(None)))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Maybe(T::of_number(Some(number))))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Maybe(T::of_number(None)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Maybe(T::of_text(text)))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Maybe(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                T::of_members(&mut map).map(Maybe)
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}
