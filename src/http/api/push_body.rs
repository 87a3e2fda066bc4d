//! The body of a push: JSON on the outside, a strategy's name and valid positions from here on.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::error::{Fault, Invalid};
use super::super::extract::{last_day, strategy_name};
use super::super::scalars::Exact;
use crate::clock::rfc3339;
use crate::domain::calendar::Day;
use crate::domain::code::Code;
use crate::domain::decimal::Decimal;
use crate::domain::position::{Field, MAX_POSITIONS, Position};
use crate::domain::strategy::{Kind, StrategyName};
use crate::ledger::Aside;

/// A push that can be stored.
#[derive(Debug)]
pub(super) struct PushBody {
    pub(super) strategy: StrategyName,
    pub(super) positions: Vec<Position>,
    /// What it tells beside its list.
    pub(super) told: Aside,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Push)]
pub(super) struct RawPush<'a> {
    #[serde(borrow)]
    #[schema(value_type = StrategyName, required)]
    strategy_name: Option<&'a RawValue>,
    /// The whole list; `[]` where nothing is wanted.
    #[serde(borrow)]
    #[schema(value_type = Vec<RawPosition>, required, max_items = 5000)]
    positions: Option<Elements<'a>>,
    /// Greater than the last one that was accepted.
    #[serde(borrow)]
    #[schema(value_type = Option<i64>, minimum = 0)]
    sequence: Option<&'a RawValue>,
    /// The strategy's own equity: CNY.
    #[serde(borrow)]
    #[schema(value_type = Option<Decimal>)]
    total_value: Option<&'a RawValue>,
    /// When it was decided: RFC 3339 with its offset.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    decided_at: Option<&'a RawValue>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PushedPosition)]
struct RawPosition<'a> {
    #[serde(borrow, default, deserialize_with = "even_null")]
    #[schema(value_type = Code, required)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    #[schema(value_type = String, max_length = 100, required = false)]
    name: Option<&'a RawValue>,
    /// Shares: from 0 on, of an overlay any number.
    #[serde(borrow, default, deserialize_with = "even_null")]
    #[schema(value_type = Exact, required)]
    volume: Option<&'a RawValue>,
    /// CNY per share: above 0, of an overlay any number.
    #[serde(borrow, default, deserialize_with = "even_null")]
    #[schema(value_type = Exact, required)]
    cost: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    #[schema(value_type = String, max_length = 1000, required = false)]
    remark: Option<&'a RawValue>,
    /// At which it was decided: CNY per share.
    #[serde(borrow)]
    #[schema(value_type = Option<Decimal>)]
    price: Option<&'a RawValue>,
    /// Of an overlay: the last day on which it counts, in Shanghai, not before today.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, example = "2026-12-31")]
    until: Option<&'a RawValue>,
}

/// A field that is there with `null` is there: null is neither a string nor a number.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The elements of the list of positions, no more of them than a list may have: of a body that is full of brackets, each
/// would take many times the memory that it took to send.
#[derive(Default)]
struct Elements<'a> {
    first: Vec<Element<'a>>,
    are_too_many: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstOnes)
    }
}

/// Reads so many elements, and passes over the rest.
struct FirstOnes;

impl<'de> Visitor<'de> for FirstOnes {
    type Value = Elements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Elements::default();
        while elements.first.len() < MAX_POSITIONS {
            let Some(element) = seq.next_element()? else { return Ok(elements) };
            elements.first.push(element);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            elements.are_too_many = true;
        }
        Ok(elements)
    }
}

/// An element of the list of positions; None for whatever is no object. What is wrong is said in our own words, with
/// the place in the list, which a parser that stops there could not.
struct Element<'a>(Option<RawPosition<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Element<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectOrNot).map(Self)
    }
}

/// Reads an object, and passes over anything else.
struct ObjectOrNot;

impl<'de> Visitor<'de> for ObjectOrNot {
    type Value = Option<RawPosition<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        RawPosition::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl PushBody {
    /// Reads and checks a body, in one pass: the values are taken as texts, whose kind of list is known at its end.
    pub(super) fn parse(body: &[u8], today: Day) -> Result<Self, Invalid> {
        let format = |error: serde_json::Error| Invalid::Format(error.to_string().into());
        if !body.trim_ascii_start().starts_with(b"{") {
            // Serde would take a JSON list for an object with its members in order.
            return Err(Invalid::Format("the body must be a JSON object".into()));
        }
        // Checked once and not for each value.
        let body = std::str::from_utf8(body).map_err(|error| Invalid::Format(error.to_string().into()))?;
        let raw: RawPush = serde_json::from_str(body).map_err(format)?;
        let missing = |field: &'static str| Invalid::Format(format!("{field} is missing").into());
        let name = raw.strategy_name.ok_or_else(|| missing("strategy_name"))?;
        let list = raw.positions.ok_or_else(|| missing("positions"))?;

        let name = text(name).ok_or(Invalid::NameNotText)?;
        let strategy = strategy_name(&name)?;
        let kind = strategy.kind();
        if list.are_too_many {
            return Err(Invalid::TooManyPositions);
        }
        // What stops at the first fault does not know how much room it will take.
        let mut positions = Vec::with_capacity(list.first.len());
        for (index, Element(raw)) in list.first.into_iter().enumerate() {
            let raw = raw.ok_or(Invalid::PositionNotObject { index })?;
            positions.push(position(kind, index, &raw, today)?);
        }
        let sequence = match raw.sequence {
            Some(raw) => {
                let sequence: i64 = raw.get().parse().map_err(|_| Invalid::Sequence)?;
                Some(sequence).filter(|sequence| *sequence >= 0).ok_or(Invalid::Sequence).map(Some)?
            }
            None => None,
        };
        let total_value = raw.total_value.map(|raw| money(raw).ok_or(Invalid::TotalValue)).transpose()?;
        let moment = |raw| text(raw).and_then(|text| rfc3339(&text)).ok_or(Invalid::DecidedAt);
        let decided_at = raw.decided_at.map(moment).transpose()?;
        Ok(Self { strategy, positions, told: Aside { sequence, total_value, decided_at } })
    }
}

/// An amount from zero on, as a number or a decimal string.
fn money(raw: &RawValue) -> Option<Decimal> {
    let text = raw.get();
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    Decimal::parse(text).ok().filter(|amount| !amount.is_negative())
}

fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    // A string without escapes is borrowed from the body.
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw.get()).ok().map(Cow::Owned) } else { Some(inner.into()) }
}

fn position(kind: Kind, index: usize, raw: &RawPosition<'_>, today: Day) -> Result<Position, Invalid> {
    let fault = |field, fault| Invalid::Position { index, field, fault };
    let wrong_type = |field| fault(field, Fault::WrongType("string"));
    let number = |field, raw: Option<&RawValue>| {
        let raw = raw.ok_or(fault(field, Fault::Missing))?;
        if !raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Err(fault(field, Fault::WrongType("number")));
        }
        Decimal::parse(raw.get()).map_err(|error| fault(field, Fault::Number(error)))
    };
    let code = raw.code.ok_or(fault(Field::Code, Fault::Missing))?;
    let code = text(code).ok_or(wrong_type(Field::Code))?;
    let volume = number(Field::Volume, raw.volume)?;
    let cost = number(Field::Cost, raw.cost)?;
    let name = raw.name.map(|raw| text(raw).ok_or(wrong_type(Field::Name))).transpose()?;
    let remark = raw.remark.map(|raw| text(raw).ok_or(wrong_type(Field::Remark))).transpose()?;
    let price = raw.price.map(|raw| money(raw).ok_or(fault(Field::Price, Fault::NotMoney))).transpose()?;
    // A strategy's list counts until the next one; of it the field is passed over, as all that are not known.
    let until = raw.until.filter(|_| kind == Kind::Adjustment);
    let day = |raw| text(raw).ok_or(Fault::NotADay).and_then(|text| last_day(&text, today));
    let until = until.map(day).transpose().map_err(|wrong| fault(Field::Until, wrong))?;
    let position = Position::new(kind, &code, name.as_deref(), volume, cost, remark.as_deref());
    // What is not traded today has a price of zero in some libraries, which says that there is none.
    let price = price.filter(|price| *price != Decimal::ZERO);
    let position = position.map_err(|breach| fault(breach.field(), Fault::Breach(breach)))?;
    Ok(position.at_price(price).through(until))
}
