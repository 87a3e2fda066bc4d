//! Trading accounts: which strategies each follows, at what scale, and what of it is not ours to trade.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::board::Rounding;
use super::code::Code;
use super::decimal::Decimal;
use super::strategy::{Kind, NameError, StrategyName};

/// The most strategies that an account may name, and the most instruments that it may protect.
pub const MAX_SHARES: usize = 1_000;
/// See [`MAX_SHARES`].
pub const MAX_PROTECTED: usize = 5_000;

/// An account's name: 1 to 100 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// Reads a name, which follows the rules of strategies' names.
    ///
    /// # Errors
    /// When the text is empty, too long or holds a control character.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        StrategyName::parse(text).map(|_| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an account follows a strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The strategy.
    pub name: StrategyName,
    /// How many shares the account holds for one that the strategy wants; above zero.
    pub scale: Decimal,
}

/// Which manual overlays count in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adjustments {
    /// All that there are.
    All,
    /// These.
    Named(Vec<StrategyName>),
}

/// Shares that are the owner's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// The instrument, as it was spelled.
    pub code: Code,
    /// How many come on top of the target; None when the instrument is never to be traded. Shares.
    pub volume: Option<Decimal>,
}

/// Whose word a line needs before it is traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fresh {
    /// Its strategies must have spoken since the trading day began.
    #[default]
    Today,
    /// What was said last counts, however old it is.
    Any,
}

/// What trading costs in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenCosts", into = "WrittenCosts")]
pub struct Costs {
    /// The broker's part of every value that is traded.
    pub commission: Decimal,
    /// What the broker takes at least for an order: CNY.
    pub least: Decimal,
    /// Stamp duty: a part of the value that is sold.
    pub duty: Decimal,
    /// The transfer fee: a part of every value that is traded.
    pub transfer: Decimal,
}

/// A trading account, as the operator wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Account {
    /// The strategies that it follows, each once; at least one.
    pub strategies: Vec<Share>,
    /// The overlays that count in it.
    pub adjustments: Adjustments,
    /// What is the owner's own.
    pub protected: Vec<Protected>,
    /// How targets become whole lots.
    pub rounding: Rounding,
    /// Whose word a line needs.
    pub fresh: Fresh,
    /// What trading costs.
    pub costs: Option<Costs>,
    /// Which account at a broker's it is, where two of ours may be the same.
    pub broker: Option<String>,
}

/// Why an account cannot be so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// It follows nobody.
    #[error("strategies must name at least one strategy")]
    NoStrategy,
    /// There are too many of something.
    #[error("{0} has too many entries")]
    TooMany(&'static str),
    /// A name is none.
    #[error("strategy {0:?} {1}")]
    Name(String, NameError),
    /// A name stands twice.
    #[error("strategy {0:?} is named twice")]
    NamedTwice(String),
    /// An overlay is followed like a strategy, or a strategy taken for an overlay.
    #[error("{0:?} does not belong there: strategies are named in strategies, ADJUSTMENT_* in adjustments")]
    WrongKind(String),
    /// A scale is not above zero, or beyond all reason.
    #[error("scale of {0:?} must be above 0 and at most 1000, with at most 12 decimals")]
    Scale(String),
    /// Adjustments are neither all nor a list.
    #[error("adjustments must be \"all\" or a list of names")]
    Adjustments,
    /// A protected code is none.
    #[error("protected code {0:?} cannot be taken")]
    Code(String),
    /// A protected instrument stands twice.
    #[error("protected code {0:?} stands twice")]
    ProtectedTwice(String),
    /// A protected volume is no whole number of shares.
    #[error("protected volume of {0:?} must be a whole number of shares from 0 on, or null")]
    ProtectedVolume(String),
    /// A cost is below zero, or a part of more than all.
    #[error("costs.{0} must be from 0 on, and a part of value below 1")]
    Cost(&'static str),
    /// A text is too long.
    #[error("broker has at most 100 characters")]
    Broker,
}

impl PartialSchema for Account {
    fn schema() -> RefOr<Schema> {
        let mut schema = Written::schema();
        // It is also a part of what is answered about an account, which says more.
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.additional_properties = None;
        }
        schema
    }
}

impl ToSchema for Account {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Written::schemas(schemas);
    }
}

/// A trading account, as the operator wants it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Account)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The strategies that it follows, each once; at least one.
    #[schema(min_items = 1, max_items = 1000)]
    strategies: Vec<WrittenShare>,
    /// The overlays that count in it: `"all"`, or their names.
    #[serde(default)]
    adjustments: WrittenAdjustments,
    /// What is the owner's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    protected: Vec<WrittenProtected>,
    #[serde(default)]
    rounding: Rounding,
    #[serde(default)]
    fresh: Fresh,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    costs: Option<WrittenCosts>,
    /// Which account at a broker's it is, where two of ours may be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    broker: Option<String>,
}

/// How an account follows a strategy.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Share)]
#[serde(deny_unknown_fields)]
struct WrittenShare {
    name: String,
    /// How many shares the account holds for one that the strategy wants; above zero.
    #[serde(default = "one")]
    scale: Decimal,
}

/// Which manual overlays count in an account.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Adjustments)]
#[serde(untagged)]
enum WrittenAdjustments {
    Word(String),
    Names(Vec<String>),
}

impl Default for WrittenAdjustments {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

/// Shares that are the owner's own.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Protected)]
#[serde(deny_unknown_fields)]
struct WrittenProtected {
    code: String,
    /// How many come on top of the target; null when the instrument is never to be traded. Shares.
    volume: Option<Decimal>,
}

/// The costs of 2026: commission 0.025 % and at least 5 CNY as is common, duty 0.05 % of sales, transfer fee 0.001 %.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Costs)]
#[serde(deny_unknown_fields, default)]
struct WrittenCosts {
    commission: Decimal,
    least: Decimal,
    duty: Decimal,
    transfer: Decimal,
}

impl Default for WrittenCosts {
    fn default() -> Self {
        let number = |text| Decimal::parse(text).unwrap_or_default();
        Self { commission: number("0.00025"), least: number("5"), duty: number("0.0005"), transfer: number("0.00001") }
    }
}

fn one() -> Decimal {
    Decimal::ONE
}

fn strategy_name(text: String, kind: Kind) -> Result<StrategyName, AccountError> {
    let name = StrategyName::parse(&text).map_err(|error| AccountError::Name(text.clone(), error))?;
    if name.kind() == kind { Ok(name) } else { Err(AccountError::WrongKind(text)) }
}

/// The names, each once.
fn distinct<'a>(names: impl Iterator<Item = &'a StrategyName>) -> Result<(), AccountError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(AccountError::NamedTwice(name.to_string()));
        }
    }
    Ok(())
}

impl TryFrom<Written> for Account {
    type Error = AccountError;

    fn try_from(written: Written) -> Result<Self, AccountError> {
        if written.strategies.is_empty() {
            return Err(AccountError::NoStrategy);
        }
        if written.strategies.len() > MAX_SHARES {
            return Err(AccountError::TooMany("strategies"));
        }
        if written.protected.len() > MAX_PROTECTED {
            return Err(AccountError::TooMany("protected"));
        }
        if written.broker.as_ref().is_some_and(|broker| broker.chars().nth(100).is_some()) {
            return Err(AccountError::Broker);
        }
        let strategies = written.strategies.into_iter().map(Share::try_from).collect::<Result<Vec<_>, _>>()?;
        distinct(strategies.iter().map(|share| &share.name))?;
        let protected = written.protected.into_iter().map(Protected::try_from).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        if let Some(twice) = protected.iter().find(|one| !seen.insert(one.code.instrument())) {
            return Err(AccountError::ProtectedTwice(twice.code.to_string()));
        }
        Ok(Self {
            strategies,
            adjustments: written.adjustments.try_into()?,
            protected,
            rounding: written.rounding,
            fresh: written.fresh,
            costs: written.costs.map(Costs::try_from).transpose()?,
            broker: written.broker,
        })
    }
}

impl TryFrom<WrittenShare> for Share {
    type Error = AccountError;

    fn try_from(WrittenShare { name, scale }: WrittenShare) -> Result<Self, AccountError> {
        let thousand = Decimal::whole(1000);
        // Twelve decimals of a scale and 24 of a volume stay exact.
        if scale <= Decimal::ZERO || scale > thousand || scale.decimals() > 12 {
            return Err(AccountError::Scale(name));
        }
        Ok(Self { name: strategy_name(name, Kind::Ordinary)?, scale })
    }
}

impl TryFrom<WrittenAdjustments> for Adjustments {
    type Error = AccountError;

    fn try_from(written: WrittenAdjustments) -> Result<Self, AccountError> {
        match written {
            WrittenAdjustments::Word(word) if word == "all" => Ok(Self::All),
            WrittenAdjustments::Word(_) => Err(AccountError::Adjustments),
            WrittenAdjustments::Names(names) if names.len() > MAX_SHARES => Err(AccountError::TooMany("adjustments")),
            WrittenAdjustments::Names(names) => {
                let names = names.into_iter().map(|name| strategy_name(name, Kind::Adjustment));
                let names = names.collect::<Result<Vec<_>, _>>()?;
                distinct(names.iter())?;
                Ok(Self::Named(names))
            }
        }
    }
}

impl TryFrom<WrittenProtected> for Protected {
    type Error = AccountError;

    fn try_from(WrittenProtected { code: text, volume }: WrittenProtected) -> Result<Self, AccountError> {
        let code = Code::parse(&text).map_err(|_| AccountError::Code(text.clone()))?;
        if volume.is_some_and(|volume| volume.is_negative() || volume.decimals() > 0) {
            return Err(AccountError::ProtectedVolume(text));
        }
        Ok(Self { code, volume })
    }
}

impl TryFrom<WrittenCosts> for Costs {
    type Error = AccountError;

    fn try_from(written: WrittenCosts) -> Result<Self, AccountError> {
        let WrittenCosts { commission, least, duty, transfer } = written;
        for (name, part) in [("commission", commission), ("duty", duty), ("transfer", transfer)] {
            if part.is_negative() || part >= Decimal::ONE {
                return Err(AccountError::Cost(name));
            }
        }
        if least.is_negative() {
            return Err(AccountError::Cost("least"));
        }
        Ok(Self { commission, least, duty, transfer })
    }
}

impl From<Costs> for WrittenCosts {
    fn from(Costs { commission, least, duty, transfer }: Costs) -> Self {
        Self { commission, least, duty, transfer }
    }
}

impl From<Account> for Written {
    fn from(account: Account) -> Self {
        let share = |Share { name, scale }: Share| WrittenShare { name: name.to_string(), scale };
        let protected = |Protected { code, volume }: Protected| WrittenProtected { code: code.to_string(), volume };
        Self {
            strategies: account.strategies.into_iter().map(share).collect(),
            adjustments: match account.adjustments {
                Adjustments::All => WrittenAdjustments::Word("all".to_owned()),
                Adjustments::Named(names) => WrittenAdjustments::Names(names.iter().map(ToString::to_string).collect()),
            },
            protected: account.protected.into_iter().map(protected).collect(),
            rounding: account.rounding,
            fresh: account.fresh,
            costs: account.costs.map(WrittenCosts::from),
            broker: account.broker,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Account, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn only_strategies_are_needed() {
        let account = read(r#"{"strategies": [{"name": "alpha", "scale": "0.5"}, {"name": "beta"}]}"#).unwrap();
        let scales: Vec<String> = account.strategies.iter().map(|share| share.scale.to_string()).collect();
        assert_eq!(scales, ["0.5", "1"]);
        assert_eq!((account.adjustments, account.fresh), (Adjustments::Named(Vec::new()), Fresh::Today));
    }

    #[test]
    fn what_is_written_is_read() {
        let text = r#"{"strategies":[{"name":"策略","scale":"0.123456789012"}],"adjustments":"all",
            "protected":[{"code":"600519.SH","volume":1000},{"code":"000001.XSHE","volume":null}],"rounding":"down",
            "fresh":"any","costs":{"commission":"0.0003"},"broker":"1"}"#;
        let account = read(text).unwrap();
        assert_eq!(account.costs.as_ref().unwrap().least.to_string(), "5");
        assert_eq!(read(&serde_json::to_string(&account).unwrap()).unwrap(), account);
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        for (text, reason) in [
            (r#"{"strategies": []}"#, "at least one"),
            (r#"{"strategies": [{"name": "a"}, {"name": "a"}]}"#, "named twice"),
            (r#"{"strategies": [{"name": "a", "scale": 0}]}"#, "above 0"),
            (r#"{"strategies": [{"name": "a", "scale": -1}]}"#, "above 0"),
            (r#"{"strategies": [{"name": "a", "scale": "1000.1"}]}"#, "at most 1000"),
            (r#"{"strategies": [{"name": "a", "scale": "0.0000000000001"}]}"#, "12 decimals"),
            (r#"{"strategies": [{"name": "ADJUSTMENT_X"}]}"#, "does not belong"),
            (r#"{"strategies": [{"name": "a"}], "adjustments": ["b"]}"#, "does not belong"),
            (r#"{"strategies": [{"name": "a"}], "adjustments": "some"}"#, "\"all\""),
            (r#"{"strategies": [{"name": "a"}], "protected": [{"code": "", "volume": 1}]}"#, "cannot be taken"),
            (r#"{"strategies": [{"name": "a"}], "protected": [{"code": "1.SH", "volume": 1.5}]}"#, "whole number"),
            (
                r#"{"strategies": [{"name": "a"}], "protected": [{"code": "000001.SZ", "volume": 1}, {"code": "000001.XSHE", "volume": 1}]}"#,
                "stands twice",
            ),
            (r#"{"strategies": [{"name": "a"}], "costs": {"duty": 1}}"#, "below 1"),
            (r#"{"strategies": [{"name": "a"}], "skale": 1}"#, "unknown field"),
            (r#"{"strategies": [{"name": "a", "scal": 1}]}"#, "unknown field"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }
}
