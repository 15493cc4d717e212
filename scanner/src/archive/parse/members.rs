//! The members of lines that matter. A member of another type than it should have counts as absent.
//! Of several with one name the last counts, but of several types of a line or payload the first.

use super::json::{Json, Number, Pieces, Spelled, Text};
use super::kind::{Event, Type};
use super::line::{Defect, Meta, Record, Says};
use super::lineage::Origin;
use super::time::milliseconds;
use super::tokens::Counts;

/// Takes a name of a member or type.
type Named<T> = fn(&[u8]) -> Option<T>;

/// A text that is kept, in memory that the next line uses again.
#[derive(Debug, Default)]
struct Kept {
    text: String,
    is_there: bool,
    is_cut: bool,
}

impl Kept {
    /// Reads a text; an empty one is none.
    fn read<P: Pieces>(&mut self, json: &mut Json<'_, P>) -> Option<()> {
        self.read_shown(json)?;
        self.is_there &= !self.text.is_empty();
        Some(())
    }

    /// Reads a text that may be empty.
    fn read_shown<P: Pieces>(&mut self, json: &mut Json<'_, P>) -> Option<()> {
        self.is_there = json
            .text(|Text { bytes, is_cut }| {
                self.text.clear();
                self.text.push_str(str::from_utf8(bytes).unwrap_or_default());
                self.is_cut = is_cut;
            })?
            .is_some();
        Some(())
    }

    /// What it says; whether it is too long is reported.
    fn reported(&self, defect: &mut Option<Defect>) -> Option<&str> {
        if self.is_there && self.is_cut {
            defect.get_or_insert(Defect::LongText);
        }
        self.is_there.then_some(&*self.text)
    }
}

/// Reads the name of a type, which is none where it is empty.
fn name<P: Pieces, T>(json: &mut Json<'_, P>, named: fn(&[u8]) -> T) -> Option<Option<T>> {
    Some(json.text(|text| (!text.bytes.is_empty()).then(|| named(text.bytes)))?.flatten())
}

/// A line.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    /// When it was written, in milliseconds of Unix time.
    pub(super) at: Option<i64>,
    pub(super) ordinal: Option<Number>,
    pub(super) kind: Option<Type>,
    /// Whether it has a type, be it one that cannot be read.
    pub(super) has_type: bool,
    pub(super) payload: Payload,
    spelled: Spelled,
}

impl Envelope {
    /// Reads a line; `None` where it is no object, or no JSON.
    pub(super) fn read(&mut self, pieces: impl Pieces) -> Option<()> {
        enum Member {
            Time,
            Type,
            Payload,
            Ordinal,
        }
        let named: Named<Member> = |name| match name {
            b"timestamp" => Some(Member::Time),
            b"type" => Some(Member::Type),
            b"payload" => Some(Member::Payload),
            b"ordinal" => Some(Member::Ordinal),
            _ => None,
        };
        let Self { at, ordinal, kind, has_type, payload, spelled } = self;
        (*at, *ordinal, *kind, *has_type) = (None, None, None, false);
        payload.clear();
        let mut json = Json::new(pieces, spelled);
        let is_object = json.object(named, |json, member| {
            match member {
                Member::Time => *at = json.text(|time| milliseconds(time.bytes))?.flatten(),
                Member::Type => {
                    *has_type = true;
                    *kind = kind.or(name(json, Type::named)?);
                }
                Member::Payload => payload.read(json)?,
                Member::Ordinal => *ordinal = json.number()?,
            }
            Some(())
        })?;
        json.end()?;
        is_object.then_some(())
    }
}

/// The members of every payload that matters.
#[derive(Debug, Default)]
pub(super) struct Payload {
    pub(super) event: Option<Event>,
    texts: [Kept; TEXTS],
    has_base: bool,
    own_from: Option<Number>,
    has_settings: bool,
    info: [Option<Usage>; 2],
    usage: Option<Usage>,
}

// Places of texts.
const TURN: usize = 0;
const MODEL: usize = 1;
const THREAD: usize = 2;
const RESPONSE: usize = 3;
const TIER: usize = 4;
const ID: usize = 5;
const CWD: usize = 6;
const VERSION: usize = 7;
const PROVIDER: usize = 8;
const PARENT: usize = 9;
/// The tier that settings name.
const SET_TIER: usize = 10;
const TEXTS: usize = 11;

impl Payload {
    fn clear(&mut self) {
        self.texts.iter_mut().for_each(|text| text.is_there = false);
        let Self { event, texts: _, has_base, own_from, has_settings, info, usage } = self;
        (*event, *own_from, *info, *usage) = (None, None, [None; 2], None);
        (*has_base, *has_settings) = (false, false);
    }

    fn read<P: Pieces>(&mut self, json: &mut Json<'_, P>) -> Option<()> {
        enum Member {
            Event,
            Text(usize),
            Base,
            OwnFrom,
            Settings,
            Info,
            Usage,
        }
        let named: Named<Member> = |name| {
            Some(match name {
                b"type" => Member::Event,
                b"info" => Member::Info,
                b"usage" => Member::Usage,
                b"turn_id" => Member::Text(TURN),
                b"model" => Member::Text(MODEL),
                b"thread_id" => Member::Text(THREAD),
                b"response_id" => Member::Text(RESPONSE),
                b"service_tier" => Member::Text(TIER),
                b"thread_settings" => Member::Settings,
                b"id" => Member::Text(ID),
                b"cwd" => Member::Text(CWD),
                b"cli_version" => Member::Text(VERSION),
                b"model_provider" => Member::Text(PROVIDER),
                b"forked_from_id" => Member::Text(PARENT),
                b"history_base" => Member::Base,
                b"subagent_history_start_ordinal" => Member::OwnFrom,
                _ => return None,
            })
        };
        self.clear();
        json.object(named, |json, member| {
            match member {
                Member::Event => self.event = self.event.or(name(json, Event::named)?),
                Member::Text(MODEL) => self.texts[MODEL].read_shown(json)?,
                Member::Text(place) => self.texts[place].read(json)?,
                Member::Base => self.has_base = json.is_there()?,
                Member::OwnFrom => self.own_from = json.number()?,
                Member::Settings => self.has_settings = self.read_settings(json)?,
                Member::Info => self.info = info(json)?,
                Member::Usage => self.usage = Usage::read(json)?,
            }
            Some(())
        })
        .map(drop)
    }

    fn read_settings<P: Pieces>(&mut self, json: &mut Json<'_, P>) -> Option<bool> {
        let named: Named<()> = |name| (name == b"service_tier").then_some(());
        let tier = &mut self.texts[SET_TIER];
        tier.is_there = false;
        json.object(named, |json, ()| tier.read(json))
    }

    /// What it says in a line of this type that matters.
    pub(super) fn says(
        &self,
        line: Type,
        ordinal: Option<Number>,
        defect: &mut Option<Defect>,
    ) -> Says<'_> {
        let number = |number: Option<Number>| match number {
            Some(Number::Is(number)) => Some(number),
            _ => None,
        };
        let mut text = |place: usize| self.texts[place].reported(defect);
        match (line, self.event) {
            (Type::Session, _) => {
                let mut owned = |place| text(place).map(str::to_owned);
                Says::Session(Meta {
                    id: owned(ID),
                    cwd: owned(CWD),
                    version: owned(VERSION),
                    provider: owned(PROVIDER),
                    origin: Origin {
                        is_fork: text(PARENT).is_some(),
                        has_base: self.has_base,
                        own_from: number(self.own_from),
                    },
                })
            }
            (Type::Turn, _) => {
                let blank = |model: &'_ str| model.trim().is_empty();
                let model = text(MODEL).map(|model| if blank(model) { "" } else { model });
                Says::Turn { turn: text(TURN), model }
            }
            (Type::Record, _) => Says::Record(Record {
                thread: text(THREAD),
                turn: text(TURN),
                response: text(RESPONSE),
                tier: text(TIER),
                usage: self.usage.and_then(|usage| usage.reported(defect)),
            }),
            (_, Some(Event::Started)) => Says::Turn { turn: text(TURN), model: None },
            (_, Some(Event::Settings)) if self.has_settings => {
                Says::Settings { tier: text(SET_TIER) }
            }
            (_, Some(Event::Settings)) => Says::Nothing,
            _ => match self.info.map(|usage| usage.and_then(|usage| usage.reported(defect))) {
                [None, None] => Says::Nothing,
                [total, last] => Says::Used { ordinal: number(ordinal), total, last },
            },
        }
    }
}

/// Reads what was used since the session began, and by the last response.
fn info<P: Pieces>(json: &mut Json<'_, P>) -> Option<[Option<Usage>; 2]> {
    let named: Named<usize> = |name| match name {
        b"total_token_usage" => Some(0),
        b"last_token_usage" => Some(1),
        _ => None,
    };
    let mut info = [None; 2];
    json.object(named, |json, which| {
        info[which] = Usage::read(json)?;
        Some(())
    })?;
    Some(info)
}

/// Token counts as they are written, in the order of [`Counts`].
#[derive(Clone, Copy, Debug, Default)]
struct Usage([Option<Number>; 6]);

impl Usage {
    fn read<P: Pieces>(json: &mut Json<'_, P>) -> Option<Option<Self>> {
        let named: Named<usize> = |name| match name {
            b"input_tokens" => Some(0),
            b"cached_input_tokens" => Some(1),
            b"cache_write_input_tokens" => Some(2),
            b"output_tokens" => Some(3),
            b"reasoning_output_tokens" => Some(4),
            b"total_tokens" => Some(5),
            _ => None,
        };
        let mut it = Self::default();
        let is_object = json.object(named, |json, count| {
            it.0[count] = json.number()?;
            Some(())
        })?;
        Some(is_object.then_some(it))
    }

    /// The counts that are ones, if there are any; others are reported.
    fn reported(self, defect: &mut Option<Defect>) -> Option<Counts> {
        let counts = Counts(self.0.map(|number| match number? {
            Number::Is(number) => Some(number),
            Number::Other => {
                *defect = Some(Defect::NoCount);
                None
            }
        }));
        (!counts.is_empty()).then_some(counts)
    }
}
