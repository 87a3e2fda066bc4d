//! Tables in the order that an address asks for.

use std::cmp::Ordering;

use super::changes::ChangeLine;

/// By which column a table is sorted, and which way.
pub(super) struct Sort {
    column: &'static str,
    descending: bool,
    /// The address up to the wish, and the table's place.
    base: String,
    anchor: &'static str,
}

impl Sort {
    /// Reads a wish for one of some columns. `base` is the page's address with what else it asks for.
    pub(super) fn parse(asked: &str, columns: &[&'static str], base: &str, anchor: &'static str) -> Self {
        Self::named("sort", asked, columns, base, anchor)
    }

    /// The same of a table whose wish has a parameter of its own.
    pub(super) fn named(
        parameter: &str,
        asked: &str,
        columns: &[&'static str],
        base: &str,
        anchor: &'static str,
    ) -> Self {
        let (descending, name) = asked.strip_prefix('-').map_or((false, asked), |name| (true, name));
        let column = columns.iter().copied().find(|column| *column == name).unwrap_or_default();
        let descending = descending && !column.is_empty();
        let mark = if base.contains('?') { '&' } else { '?' };
        Self { column, descending, base: format!("{base}{mark}{parameter}="), anchor }
    }

    /// Where a column's heading leads: numbers begin with the largest, and a second time turns the order round.
    pub(super) fn link(&self, column: &str) -> String {
        let descending = if self.column == column { !self.descending } else { !matches!(column, "code" | "name") };
        format!("{}{}{column}#{}", self.base, if descending { "-" } else { "" }, self.anchor)
    }

    pub(super) fn aria(&self, column: &str) -> &'static str {
        match (self.column == column, self.descending) {
            (false, _) => "none",
            (true, false) => "ascending",
            (true, true) => "descending",
        }
    }

    /// The address of the table in this order.
    pub(super) fn address(&self) -> String {
        format!("{}{}{}", self.base, if self.descending { "-" } else { "" }, self.column)
    }

    /// The column that is asked for; empty for none.
    pub(super) const fn column(&self) -> &'static str {
        self.column
    }

    /// Puts lines in an order, or in its reverse where that is asked for.
    pub(super) fn by<T>(&self, lines: &mut [T], order: impl Fn(&T, &T) -> Ordering) {
        lines.sort_by(|one, two| if self.descending { order(two, one) } else { order(one, two) });
    }

    /// Reads a wish for an order of differences.
    pub(super) fn of_changes(asked: &str, base: &str) -> Self {
        Self::parse(asked, &["code", "name", "before", "after", "delta", "cost", "value"], base, "difference")
    }

    /// Puts differences in their order. Without a wish the largest come first, bought or sold.
    pub(super) fn apply(&self, lines: &mut [ChangeLine]) {
        let cost = |line: &ChangeLine| line.cost().unwrap_or_default();
        let order = |one: &ChangeLine, two: &ChangeLine| match self.column {
            "code" => one.code.instrument().cmp(&two.code.instrument()),
            "name" => one.name.cmp(&two.name),
            "before" => one.before.cmp(&two.before),
            "after" => one.after.cmp(&two.after),
            "delta" => one.delta.cmp(&two.delta),
            "cost" => cost(one).total_cmp(&cost(two)),
            "value" => one.value().total_cmp(&two.value()),
            _ => two.value().abs().total_cmp(&one.value().abs()),
        };
        self.by(lines, order);
    }
}
