//! An account as it is typed, and how it is understood.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::form::Fields;
use super::texts::Texts;
use crate::domain::account::{Account, Adjustments, Protected, Share};
use crate::domain::code::{Code, Instrument, Notation};
use crate::domain::decimal::Decimal;
use crate::domain::strategy::{ADJUSTMENT_PREFIX, Kind, StrategyName};

/// The names of the fields of costs, which are those of the document.
const COSTS: [&str; 4] = ["commission", "least", "duty", "transfer"];

/// How many digits a scale may have after the point, and how large it may be.
const SCALE_DECIMALS: usize = 12;
const LARGEST_SCALE: u32 = 1_000;

/// A row of two fields: a strategy with its scale, or a code with its volume.
#[derive(Default)]
pub(super) struct TypedRow {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) key_fault: Option<&'static str>,
    pub(super) value_fault: Option<&'static str>,
}

impl TypedRow {
    fn new(key: &impl ToString, value: &impl ToString) -> Self {
        Self { key: key.to_string(), value: value.to_string(), ..Self::default() }
    }

    fn is_blank(&self) -> bool {
        self.key.trim().is_empty() && self.value.trim().is_empty()
    }

    fn is_faulty(&self) -> bool {
        self.key_fault.is_some() || self.value_fault.is_some()
    }
}

/// A field of costs.
#[derive(Default)]
pub(super) struct CostField {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) is_faulty: bool,
}

impl CostField {
    pub(super) fn word(&self, t: &Texts) -> &'static str {
        match self.name {
            "commission" => t.commission,
            "least" => t.least,
            "duty" => t.duty,
            _ => t.transfer,
        }
    }
}

/// The form as it was filled in.
pub(super) struct AccountForm {
    pub(super) strategies: Vec<TypedRow>,
    /// `none`, `all` or `named`.
    pub(super) adjustments: String,
    pub(super) overlays: String,
    pub(super) overlays_fault: Option<&'static str>,
    pub(super) protected: Vec<TypedRow>,
    pub(super) rounding: String,
    pub(super) fresh: String,
    pub(super) costs: Vec<CostField>,
    pub(super) broker: String,
    /// What is wrong with the whole.
    pub(super) fault: Option<String>,
}

impl Default for AccountForm {
    fn default() -> Self {
        Self {
            strategies: Vec::new(),
            adjustments: "none".to_owned(),
            overlays: String::new(),
            overlays_fault: None,
            protected: Vec::new(),
            rounding: "nearest".to_owned(),
            fresh: "today".to_owned(),
            costs: COSTS.map(|name| CostField { name, ..CostField::default() }).into(),
            broker: String::new(),
            fault: None,
        }
    }
}

/// The rows of two columns that say something and are not to go.
fn rows(fields: &Fields, columns: (&'static str, &'static str), remove: &'static str) -> Vec<TypedRow> {
    let removed: HashSet<usize> = fields.all(remove).filter_map(|n| n.parse().ok()).collect();
    let rows = fields.all(columns.0).zip(fields.all(columns.1)).enumerate();
    let kept = rows.filter(|(n, _)| !removed.contains(n)).map(|(_, (key, value))| TypedRow::new(&key, &value));
    kept.filter(|row| !row.is_blank()).collect()
}

/// A number as people type it.
fn number(text: &str) -> Option<Decimal> {
    let plain: String = text.trim().chars().filter(|letter| !matches!(letter, ',' | '，')).collect();
    Decimal::parse(&plain).ok()
}

impl AccountForm {
    /// The form of an account as it stands.
    pub(super) fn of(account: &Account) -> Self {
        let (adjustments, overlays) = match &account.adjustments {
            Adjustments::All => ("all", String::new()),
            Adjustments::Named(names) if names.is_empty() => ("none", String::new()),
            Adjustments::Named(names) => {
                ("named", names.iter().map(StrategyName::as_str).collect::<Vec<_>>().join("\n"))
            }
        };
        let share = |share: &Share| TypedRow::new(&share.name, &share.scale);
        let protected = |one: &Protected| {
            TypedRow::new(&one.code.to(Notation::Qmt), &one.volume.map(|volume| volume.to_string()).unwrap_or_default())
        };
        let cost = |name: &'static str| {
            let costs = account.costs.as_ref();
            let cost = costs.map(|costs| match name {
                "commission" => costs.commission,
                "least" => costs.least,
                "duty" => costs.duty,
                _ => costs.transfer,
            });
            CostField { name, text: cost.map(|cost| cost.to_string()).unwrap_or_default(), is_faulty: false }
        };
        Self {
            strategies: account.strategies.iter().map(share).collect(),
            adjustments: adjustments.to_owned(),
            overlays,
            protected: account.protected.iter().map(protected).collect(),
            rounding: account.rounding.as_str().to_owned(),
            fresh: match account.fresh {
                crate::domain::account::Fresh::Today => "today",
                crate::domain::account::Fresh::Any => "any",
            }
            .to_owned(),
            costs: COSTS.map(cost).into(),
            broker: account.broker.clone().unwrap_or_default(),
            ..Self::default()
        }
    }

    /// The form as it was sent.
    pub(super) fn sent(fields: &Fields) -> Self {
        let word = |name: &str, words: &[&'static str]| {
            words.iter().find(|word| **word == fields.get(name)).unwrap_or(&words[0]).to_string()
        };
        Self {
            strategies: rows(fields, ("strategy", "scale"), "remove_strategy"),
            adjustments: word("adjustments", &["none", "all", "named"]),
            overlays: fields.get("overlays").to_owned(),
            protected: rows(fields, ("code", "protected"), "remove_protected"),
            rounding: word("rounding", &["nearest", "down"]),
            fresh: word("fresh", &["today", "any"]),
            costs: COSTS.map(|name| CostField { name, text: fields.get(name).to_owned(), is_faulty: false }).into(),
            broker: fields.get("broker").to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn is_adjusted(&self, how: &str) -> bool {
        self.adjustments == how
    }

    /// The account that the form describes; None when something is wrong, which is then noted at its field.
    pub(super) fn read(&mut self, t: &'static Texts) -> Option<Account> {
        let written = json!({
            "strategies": self.read_strategies(t),
            "adjustments": self.read_adjustments(t),
            "protected": self.read_protected(t),
            "rounding": self.rounding,
            "fresh": self.fresh,
            "costs": self.read_costs(),
            "broker": Some(self.broker.trim()).filter(|broker| !broker.is_empty()),
        });
        let rows = || self.strategies.iter().chain(&self.protected);
        let is_faulty = rows().any(TypedRow::is_faulty) || self.costs.iter().any(|cost| cost.is_faulty);
        if self.fault.is_some() || self.overlays_fault.is_some() || is_faulty {
            return None;
        }
        let read = serde_json::from_value(written);
        read.inspect_err(|error| self.fault = Some(error.to_string())).ok()
    }

    fn read_strategies(&mut self, t: &'static Texts) -> Vec<Value> {
        let mut seen = HashSet::new();
        if self.strategies.is_empty() {
            self.fault = Some(t.no_strategy_named.to_owned());
        }
        let read = |row: &mut TypedRow| {
            let name = StrategyName::parse(row.key.trim()).ok();
            row.key_fault = match &name {
                None => Some(t.name_bad),
                Some(name) if name.kind() == Kind::Adjustment => Some(t.overlay_is_no_strategy),
                Some(name) if !seen.insert(name.clone()) => Some(t.named_twice),
                Some(_) => None,
            };
            let text = if row.value.trim().is_empty() { "1" } else { &row.value };
            let scale = number(text).filter(|scale| {
                let most = Decimal::whole(LARGEST_SCALE);
                *scale > Decimal::ZERO && *scale <= most && scale.decimals() <= SCALE_DECIMALS
            });
            row.value_fault = scale.is_none().then_some(t.scale_bad);
            json!({"name": name.map(|name| name.to_string()), "scale": scale})
        };
        self.strategies.iter_mut().map(read).collect()
    }

    fn read_adjustments(&mut self, t: &'static Texts) -> Value {
        match &*self.adjustments {
            "all" => json!("all"),
            "named" => {
                let mut seen = HashSet::new();
                let words = self.overlays.lines().map(str::trim).filter(|line| !line.is_empty());
                let names: Vec<String> = words
                    .map(|word| {
                        let is_whole = word.starts_with(ADJUSTMENT_PREFIX);
                        if is_whole { word.to_owned() } else { format!("{ADJUSTMENT_PREFIX}{word}") }
                    })
                    .collect();
                let are_names = names.iter().all(|name| StrategyName::parse(name).is_ok() && seen.insert(name));
                self.overlays_fault = (names.is_empty() || !are_names).then_some(t.overlays_bad);
                json!(names)
            }
            _ => json!([]),
        }
    }

    fn read_protected(&mut self, t: &'static Texts) -> Vec<Value> {
        let mut seen: HashSet<Instrument> = HashSet::new();
        let read = |row: &mut TypedRow| {
            // A code without an exchange, and of no known board, would protect nothing.
            let spelled = Some(row.key.trim()).filter(|text| text.contains('.'));
            let code = Code::infer(&row.key).or_else(|| Code::parse(spelled?).ok());
            row.key_fault = match &code {
                None => Some(t.code_unknown),
                Some(code) if !seen.insert(code.instrument()) => Some(t.named_twice),
                Some(_) => None,
            };
            let volume = number(&row.value).filter(|volume| !volume.is_negative() && volume.decimals() == 0);
            row.value_fault = (volume.is_none() && !row.value.trim().is_empty()).then_some(t.protected_bad);
            json!({"code": code.map(|code| code.to_string()), "volume": volume})
        };
        self.protected.iter_mut().map(read).collect()
    }

    /// The costs; none where no field says anything.
    fn read_costs(&mut self) -> Option<Value> {
        let mut costs = Map::new();
        for cost in &mut self.costs {
            if cost.text.trim().is_empty() {
                continue;
            }
            let is_part = cost.name != "least";
            let read = number(&cost.text).filter(|read| !(read.is_negative() || is_part && *read >= Decimal::ONE));
            cost.is_faulty = read.is_none();
            costs.insert(cost.name.to_owned(), json!(read));
        }
        (!costs.is_empty()).then_some(Value::Object(costs))
    }
}
