//! How the interface describes what the domain writes as one text or number.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::account::AccountName;
use crate::domain::calendar::TimeOfDay;
use crate::domain::channel::{ChannelName, Incidents};
use crate::domain::code::Code;
use crate::domain::decimal::Decimal;
use crate::domain::guard::Span;
use crate::domain::revision::Revision;
use crate::domain::strategy::{Pattern, StrategyName};

/// A number that is written digit for digit, with as many of them as it has.
pub(super) enum Exact {}

/// A document of the history: its form is that of its kind.
pub(super) enum AnyDocument {}

/// A day such as 2026-01-05.
pub(super) enum DayText {}

fn of(schema_type: Type, description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(schema_type).description(Some(description))
}

fn text(description: &str, least: usize, most: usize) -> ObjectBuilder {
    let text = of(Type::String, description).min_length(Some(least)).max_length(Some(most));
    text.pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"))
}

fn clock(description: &str, pattern: &str) -> ObjectBuilder {
    of(Type::String, description).pattern(Some(pattern))
}

/// Says of each type what it is called and what it looks like.
macro_rules! described {
    ($($type:ident => $schema:expr,)*) => {$(
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                stringify!($type).into()
            }
        }
    )*};
}

described! {
    StrategyName => text("A strategy's name: 1 to 100 characters, none of them a control character.", 1, 100),
    AccountName => text("An account's name: 1 to 100 characters, none of them a control character.", 1, 100),
    ChannelName => text("A channel's name: 1 to 100 characters, none of them a control character.", 1, 100),
    Code => text("An instrument's code in any notation, such as 000001.XSHE or 000001.SZ.", 1, 64),
    Pattern => of(Type::String, "A pattern over names, in which * stands for any run of characters.").min_length(Some(1)),
    Revision => of(Type::Integer, "A stored change's number; 0 lies before the first one.").minimum(Some(0)),
    Exact => of(Type::Number, "An exact number, written digit for digit."),
    Decimal => ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Number, Type::String]))
        .pattern(Some(r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"))
        .description(Some("An exact number: written as a decimal string, and read as that or as a number.")),
    TimeOfDay => clock("A time of day in Asia/Shanghai.", "^([01][0-9]|2[0-3]):[0-5][0-9]$"),
    Span => clock(
        "A span of a day in Asia/Shanghai, both minutes included.",
        "^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
    ),
    DayText => clock("A day in Asia/Shanghai, such as 2026-01-05.", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    AnyDocument => ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .description(Some("What was settled, in the form of its kind; null where nothing was.")),
    Incidents => ArrayBuilder::new()
        .items(of(Type::String, "A kind of incident."))
        .description(Some("Kinds of incidents, or [\"*\"] for all of them.")),
}
