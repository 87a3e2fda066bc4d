//! Python's `json.dumps(value, sort_keys=True)`, made from the JSON text that was sent.
//!
//! From the text and not from parsed values, because a number must be spelled as the client spelled it: `1e+22`, `-0.0`
//! and a 20-digit integer do not survive a double.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep a value may be nested. The parser skips over a raw value without counting, so the count is kept here.
const MAX_DEPTH: usize = 64;

/// The canonical form of a JSON value.
///
/// # Errors
/// When a string holds a lone surrogate, an object names a key twice (two readers could then see two values), or the
/// value is nested too deep.
pub(super) fn canonical(value: &RawValue) -> Result<String, serde_json::Error> {
    let mut out = String::with_capacity(value.get().len() + 16);
    write_value(&mut out, value, MAX_DEPTH)?;
    Ok(out)
}

fn write_value(out: &mut String, value: &RawValue, depth: usize) -> Result<(), serde_json::Error> {
    let text = value.get();
    let inner = || depth.checked_sub(1).ok_or_else(|| serde_json::Error::custom("nested too deep"));
    match text.as_bytes().first() {
        Some(b'{') => {
            let (inner, Members(members)) = (inner()?, serde_json::from_str(text)?);
            out.push('{');
            for (n, (key, member)) in members.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                write_string(out, key);
                out.push_str(": ");
                write_value(out, member, inner)?;
            }
            out.push('}');
        }
        Some(b'[') => {
            let (inner, items): (_, Vec<&RawValue>) = (inner()?, serde_json::from_str(text)?);
            out.push('[');
            for (n, item) in items.into_iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                write_value(out, item, inner)?;
            }
            out.push(']');
        }
        Some(b'"') => write_string(out, &serde_json::from_str::<Cow<str>>(text)?),
        _ => out.push_str(text),
    }
    Ok(())
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// An object's members by key. UTF-8 sorts like the code points it encodes, so this is Python's order.
struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    if members.insert(key, value).is_some() {
                        return Err(A::Error::custom("a key stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dumps(text: &str) -> Result<String, serde_json::Error> {
        canonical(&serde_json::from_str::<Box<RawValue>>(text)?)
    }

    /// Pairs of JSON texts and what Python's own `json.dumps(json.loads(text), sort_keys=True)` makes of them, recorded
    /// by `tests/python/record_canonical_json.py`.
    #[test]
    fn equals_what_python_makes() {
        let cases: Vec<(String, String)> = serde_json::from_str(include_str!("canonical_json_cases.json")).unwrap();
        assert!(cases.len() > 300);
        for (text, expected) in cases {
            assert_eq!(dumps(&text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn numbers_stay_as_they_were_spelled() {
        let text = "[1e+22, 1e-07, -0.0, 1E5, 12345678901234567890, 0.1, 1.0, -0]";
        assert_eq!(dumps(text).unwrap(), text);
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for text in [r#"{"a": 1, "a": 2}"#, r#"{"a": 1, "\u0061": 2}"#, r#""\ud800""#, r#"{"x": ["\udc00\ud800"]}"#] {
            assert!(dumps(text).is_err(), "{text}");
        }
        for depth in [65, 100_000] {
            assert!(dumps(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth))).is_err());
        }
        assert!(dumps(&format!("{}1{}", "[".repeat(64), "]".repeat(64))).is_ok());
    }

    proptest! {
        #[test]
        fn is_stable_and_keeps_the_value(value in json_value()) {
            let sent = serde_json::to_string_pretty(&value).unwrap();
            let once = dumps(&sent).unwrap();
            prop_assert!(once.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(&dumps(&once).unwrap(), &once);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&once).unwrap(), value);
        }
    }

    fn json_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }
}
