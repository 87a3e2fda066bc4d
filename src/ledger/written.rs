//! How lists and what changed in them are written down.
//!
//! In the chain's hashes a position is `[place, code, name, volume, cost, remark]`, as the first release wrote it, and the
//! price that it was decided at where one was told, and behind price or null its last day where it has one. What is stored is
//! shorter: `[volume, cost, place, name, code, remark, price, until]`, without what follows from elsewhere at its end: a
//! remark, a price and a last day that there is none of, and in a change what is as it was before. All numbers are text, so
//! that they stay exact.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::calendar::Day;
use crate::domain::changes::{Changes, DocumentChange};
use crate::domain::code::Code;
use crate::domain::decimal::Decimal;
use crate::domain::position::{InstrumentChange, Placed, Position, PositionList};
use crate::domain::revision::Subject;
use crate::domain::strategy::Kind;

/// A displayed value as JSON text.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A placed position as the chain's hashes have it.
struct Hashed<'a>(&'a Placed);

impl Serialize for Hashed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Placed { place, position } = self.0;
        let (code, volume, cost) = (Text(position.code()), Text(position.volume()), Text(position.cost()));
        let row = (place, code, position.name(), volume, cost, position.remark());
        match (position.price().map(Text), position.until().map(Text)) {
            (None, None) => row.serialize(serializer),
            (Some(price), None) => (row.0, row.1, row.2, row.3, row.4, row.5, price).serialize(serializer),
            (price, until) => (row.0, row.1, row.2, row.3, row.4, row.5, price, until).serialize(serializer),
        }
    }
}

/// Placed positions as the chain's hashes have them; None for none.
pub fn hashed(placed: &[Placed]) -> Option<String> {
    // Numbers and texts in a list can always be written.
    (!placed.is_empty()).then(|| json(&placed.iter().map(Hashed).collect::<Vec<_>>()))
}

/// Reads what [`hashed`] wrote.
///
/// # Errors
/// What is wrong with a text that it did not write.
pub fn read_hashed(kind: Kind, text: &str) -> Result<Vec<Placed>, String> {
    #[derive(Deserialize)]
    struct Written<'a>(
        i64,
        #[serde(borrow)] Field<'a>,
        #[serde(borrow)] Field<'a>,
        #[serde(borrow)] Field<'a>,
        #[serde(borrow)] Field<'a>,
        #[serde(borrow)] Field<'a>,
        #[serde(borrow, default)] Field<'a>,
        #[serde(borrow, default)] Field<'a>,
    );
    let rows: Vec<Written> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let placed = |Written(place, code, name, volume, cost, remark, price, until): Written| {
        let [code, name, volume, cost, remark, price, until] =
            [code, name, volume, cost, remark, price, until].map(Some);
        Row { volume, cost, place: Some(place), name, code, remark, price, until }.placed(kind, Base::Nothing)
    };
    rows.into_iter().map(placed).collect()
}

/// What a row says that leaves a field out.
#[derive(Clone, Copy)]
enum Base<'a> {
    /// In a list: neither name nor remark.
    Nothing,
    /// In a change, where nothing stood before: neither name nor remark, and the instrument's code as most spell it.
    Instrument(&'a Code),
    /// In a change: what stood before.
    Before(&'a Placed),
}

/// A placed position as it is stored.
struct Stored<'a>(&'a Placed, Base<'a>);

impl Stored<'_> {
    /// How many fields at the end say nothing new.
    fn left_out(&self) -> usize {
        let Self(Placed { place, position }, base) = self;
        let (no_price, no_remark) = (position.price().is_none(), position.remark().is_none());
        let no_until = position.until().is_none();
        let as_base = match base {
            Base::Nothing => [no_until, no_price, no_remark, false, false, false, false, false],
            Base::Instrument(own) => {
                let (own_code, no_name) = (position.code() == *own, position.name().is_none());
                [no_until, no_price, no_remark, own_code, no_name, false, false, false]
            }
            Base::Before(before) => {
                let Placed { place: old_place, position: old } = before;
                [
                    position.until() == old.until(),
                    position.price() == old.price(),
                    position.remark() == old.remark(),
                    position.code() == old.code(),
                    position.name() == old.name(),
                    place == old_place,
                    position.cost() == old.cost(),
                    position.volume() == old.volume(),
                ]
            }
        };
        as_base.into_iter().take_while(|same| *same).count()
    }
}

impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Placed { place, position } = self.0;
        let kept = 8 - self.left_out();
        let mut row = serializer.serialize_seq(Some(kept))?;
        for field in 0..kept {
            match field {
                0 => row.serialize_element(&Text(position.volume()))?,
                1 => row.serialize_element(&Text(position.cost()))?,
                2 => row.serialize_element(place)?,
                3 => row.serialize_element(&position.name())?,
                4 => row.serialize_element(&Text(position.code()))?,
                5 => row.serialize_element(&position.remark())?,
                6 => row.serialize_element(&position.price().map(Text))?,
                _ => row.serialize_element(&position.until().map(Text))?,
            }
        }
        row.end()
    }
}

/// A text in a row that was read, or null.
#[derive(Default, Deserialize)]
struct Field<'a>(#[serde(borrow)] Option<Cow<'a, str>>);

/// A row as it was read; what was left out is None.
struct Row<'a> {
    volume: Option<Field<'a>>,
    cost: Option<Field<'a>>,
    place: Option<i64>,
    name: Option<Field<'a>>,
    code: Option<Field<'a>>,
    remark: Option<Field<'a>>,
    price: Option<Field<'a>>,
    until: Option<Field<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Row<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a stored position")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Row<'de>, A::Error> {
                let row = Row {
                    volume: fields.next_element()?,
                    cost: fields.next_element()?,
                    place: fields.next_element()?,
                    name: fields.next_element()?,
                    code: fields.next_element()?,
                    remark: fields.next_element()?,
                    price: fields.next_element()?,
                    until: fields.next_element()?,
                };
                match fields.next_element::<de::IgnoredAny>()? {
                    None => Ok(row),
                    Some(_) => Err(de::Error::invalid_length(9, &self)),
                }
            }
        }
        deserializer.deserialize_seq(Fields)
    }
}

impl Row<'_> {
    fn placed(self, kind: Kind, base: Base) -> Result<Placed, String> {
        let before = match base {
            Base::Before(placed) => Some(placed),
            Base::Nothing | Base::Instrument(_) => None,
        };
        let decimal = |text: Cow<str>| Decimal::parse(&text).map_err(|error| format!("{text:?} {error}"));
        let number =
            |field: Option<Field>, old: fn(&Position) -> Decimal| match (field.and_then(|field| field.0), before) {
                (Some(text), _) => decimal(text),
                (None, Some(before)) => Ok(old(&before.position)),
                (None, None) => Err("a position without a number".to_owned()),
            };
        let (volume, cost) = (number(self.volume, Position::volume)?, number(self.cost, Position::cost)?);
        let place = self.place.or(before.map(|before| before.place)).ok_or("a position without a place")?;
        let old = before.map(|before| &before.position);
        let name = self.name.map_or_else(|| old.and_then(Position::name).map(Cow::from), |field| field.0);
        let remark = self.remark.map_or_else(|| old.and_then(Position::remark).map(Cow::from), |field| field.0);
        let code = match (self.code.and_then(|field| field.0), base) {
            (Some(code), _) => code,
            (None, Base::Instrument(own)) => own.to_string().into(),
            (None, Base::Before(before)) => before.position.code().to_string().into(),
            (None, Base::Nothing) => return Err("a position without a code".to_owned()),
        };
        let position = Position::new(kind, &code, name.as_deref(), volume, cost, remark.as_deref());
        let price = match self.price {
            Some(Field(text)) => text.map(decimal).transpose()?,
            None => old.and_then(Position::price),
        };
        let day = |text: Cow<str>| text.parse::<Day>().map_err(|error| format!("{text:?} {error}"));
        let until = match self.until {
            Some(Field(text)) => text.map(day).transpose()?,
            None => old.and_then(Position::until),
        };
        let position = position.map_err(|breach| breach.to_string())?.at_price(price).through(until);
        Ok(Placed { place, position })
    }
}

/// A list as it is stored.
pub fn write_list(list: &PositionList) -> String {
    json(&list.placed().iter().map(|placed| Stored(placed, Base::Nothing)).collect::<Vec<_>>())
}

/// Reads what [`write_list`] wrote.
///
/// # Errors
/// What is wrong with a text that it did not write.
pub fn read_list(kind: Kind, text: &str) -> Result<PositionList, String> {
    let rows: Vec<Row> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let placed: Result<Vec<Placed>, String> = rows.into_iter().map(|row| row.placed(kind, Base::Nothing)).collect();
    Ok(PositionList::from_placed(placed?))
}

/// What a revision changed, as it is stored: of a list `[instrument, before, after]` for each, of a document `[before, after]`,
/// with null for nothing.
pub fn write_changes(changes: &Changes) -> String {
    match changes {
        Changes::List(changes) => write_list_changes(changes),
        Changes::Document(DocumentChange { before, after }) => json(&(before.as_deref(), after.as_deref())),
    }
}

/// Reads what [`write_changes`] wrote.
///
/// # Errors
/// What is wrong with a text that it did not write.
pub fn read_changes(subject: &Subject, text: &str) -> Result<Changes, String> {
    match subject {
        Subject::Strategy(name) => read_list_changes(name.kind(), text).map(Changes::List),
        Subject::Document(_) => {
            let (before, after): (Option<String>, Option<String>) =
                serde_json::from_str(text).map_err(|error| error.to_string())?;
            Ok(Changes::Document(DocumentChange { before: before.map(Arc::from), after: after.map(Arc::from) }))
        }
    }
}

fn write_list_changes(changes: &[InstrumentChange]) -> String {
    let codes: Vec<Code> = changes.iter().map(|change| change.instrument.jq_code()).collect();
    let rows = changes.iter().zip(&codes).map(|(change, own)| {
        let before = change.before.iter().map(|placed| Stored(placed, Base::Instrument(own)));
        let after = change.after.iter().enumerate().map(|(n, placed)| Stored(placed, base(own, &change.before, n)));
        (Text(&change.instrument), or_null(before), or_null(after))
    });
    json(&rows.collect::<Vec<_>>())
}

/// The rows of a side, or null for nothing.
fn or_null<'a>(rows: impl Iterator<Item = Stored<'a>>) -> Option<Vec<Stored<'a>>> {
    let rows: Vec<Stored> = rows.collect();
    (!rows.is_empty()).then_some(rows)
}

/// What a row of an instrument leaves out where it is as the row of that number before it.
fn base<'a>(own: &'a Code, before: &'a [Placed], number: usize) -> Base<'a> {
    before.get(number).map_or(Base::Instrument(own), Base::Before)
}

fn read_list_changes(kind: Kind, text: &str) -> Result<Vec<InstrumentChange>, String> {
    #[derive(Deserialize)]
    struct Change<'a>(
        #[serde(borrow)] Cow<'a, str>,
        #[serde(borrow)] Option<Vec<Row<'a>>>,
        #[serde(borrow)] Option<Vec<Row<'a>>>,
    );
    let changes: Vec<Change> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let read = |Change(instrument, before, after): Change| {
        let instrument = Code::parse(&instrument).map_err(|error| error.to_string())?.instrument();
        let own = instrument.jq_code();
        let before = before.unwrap_or_default().into_iter().map(|row| row.placed(kind, Base::Instrument(&own)));
        let before: Vec<Placed> = before.collect::<Result<_, _>>()?;
        let after = after.unwrap_or_default().into_iter().enumerate();
        let after = after.map(|(n, row)| row.placed(kind, base(&own, &before, n)));
        let after: Vec<Placed> = after.collect::<Result<_, _>>()?;
        let is_of = |placed: &Placed| placed.position.code().instrument() == instrument;
        if before.is_empty() && after.is_empty() || !before.iter().chain(&after).all(is_of) {
            return Err("a change of another instrument, or of none".to_owned());
        }
        Ok(InstrumentChange { instrument, before, after })
    };
    changes.into_iter().map(read).collect()
}

/// Numbers and texts in lists can always be written.
fn json(rows: &impl Serialize) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed() -> impl Strategy<Value = Vec<Placed>> {
        let code = prop::sample::select(vec!["000001.XSHE", "000001.SZ", "\"X\\", "名"]);
        let text = || prop::option::of(prop::sample::select(vec!["a", "平安\"银行", "\\n"]));
        let until = prop::option::of(prop::sample::select(vec!["2026-01-05", "2026-12-31"]));
        let row = (code, 0..3_u32, 1..3_u32, text(), text(), prop::option::of(0..2_u32), until, 1..4_i64);
        let row = row.prop_map(|(code, volume, cost, name, remark, price, until, place)| {
            let number = |number: u32| Decimal::parse(&format!("{number}.50")).unwrap();
            let position = Position::new(Kind::Ordinary, code, name, number(volume), number(cost), remark).unwrap();
            let until = until.map(|day| day.parse().unwrap());
            Placed { place, position: position.at_price(price.map(number)).through(until) }
        });
        prop::collection::vec(row, 0..4)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(before in placed(), after in placed()) {
            let (one, two) = (PositionList::from_placed(before), PositionList::from_placed(after));
            prop_assert_eq!(&read_list(Kind::Ordinary, &write_list(&one)).unwrap(), &one);
            let changes = one.changes_to(&two);
            prop_assert_eq!(read_list_changes(Kind::Ordinary, &write_list_changes(&changes)).unwrap(), changes);
        }
    }

    #[test]
    fn what_stays_is_not_written_again() {
        let list = |volume: &str| {
            let number = |text| Decimal::parse(text).unwrap();
            let position =
                Position::new(Kind::Ordinary, "000001.XSHE", Some("平安银行"), number(volume), number("10.5"), None);
            PositionList::default().followed_by(vec![position.unwrap()])
        };
        let (one, two, none) = (list("100"), list("200"), PositionList::default());
        assert_eq!(write_list(&one), r#"[["100","10.5",1048576,"平安银行","000001.XSHE"]]"#);
        assert_eq!(
            write_list_changes(&one.changes_to(&two)),
            r#"[["000001.SZ",[["100","10.5",1048576,"平安银行"]],[["200"]]]]"#
        );
        assert_eq!(
            write_list_changes(&one.changes_to(&none)),
            r#"[["000001.SZ",[["100","10.5",1048576,"平安银行"]],null]]"#
        );
    }

    #[test]
    fn what_has_neither_price_nor_last_day_is_hashed_as_the_first_release_did() {
        let number = |text| Decimal::parse(text).unwrap();
        let plain = Position::new(Kind::Adjustment, "X", None, number("-1"), number("2"), Some("a")).unwrap();
        let of = |position: Position| hashed(&[Placed { place: 1, position }]).unwrap();
        let (price, until) = (Some(number("3")), "2026-12-31".parse().ok());
        assert_eq!(of(plain.clone()), r#"[[1,"X",null,"-1","2","a"]]"#);
        assert_eq!(of(plain.clone().at_price(price)), r#"[[1,"X",null,"-1","2","a","3"]]"#);
        assert_eq!(of(plain.clone().through(until)), r#"[[1,"X",null,"-1","2","a",null,"2026-12-31"]]"#);
        assert_eq!(of(plain.at_price(price).through(until)), r#"[[1,"X",null,"-1","2","a","3","2026-12-31"]]"#);
    }

    #[test]
    fn a_last_day_is_stored_once_and_taken_back() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        let list = |volume: &str, until: Option<&str>| {
            let position = Position::new(Kind::Adjustment, "000001.XSHE", None, number(volume), number("1"), None);
            let until = until.map(|day| day.parse().unwrap());
            PositionList::default().followed_by(vec![position.unwrap().through(until)])
        };
        let (one, two) = (list("100", Some("2026-12-31")), list("200", Some("2026-12-31")));
        assert_eq!(write_list(&one), r#"[["100","1",1048576,null,"000001.XSHE",null,null,"2026-12-31"]]"#);
        assert!(write_list_changes(&one.changes_to(&two)).ends_with(r#"[["200"]]]]"#));
        let back = write_list_changes(&two.changes_to(&list("200", None)));
        assert!(back.ends_with(r#",null,"000001.XSHE",null,null,null]]]]"#), "{back}");
    }

    #[test]
    fn what_nobody_wrote_is_refused() {
        for text in [
            "",
            "{}",
            "[[]]",
            r#"[["1"]]"#,
            r#"[["1","1",1]]"#,
            r#"[["1","1",1,null,"X",null,1]]"#,
            r#"[["1","1",1,null,"X",null,null,1]]"#,
            r#"[["1","1",1,null,"X",null,null,"2026-02-30"]]"#,
            r#"[["1","1",1,null,"X",null,null,null,1]]"#,
        ] {
            assert!(read_list(Kind::Ordinary, text).is_err(), "{text}");
        }
        for text in ["[[]]", r#"[["X",null,null]]"#, r#"[["X",[["-1","1",1]],null]]"#, r#"[["X",null,[["1"]]]]"#] {
            assert!(read_list_changes(Kind::Ordinary, text).is_err(), "{text}");
        }
    }
}
