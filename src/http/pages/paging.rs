//! Tables that are longer than a page.

/// How many lines of a table stand on one page.
const PAGE: usize = 200;

/// Which page of a table is shown.
pub(super) struct Pages {
    pub(super) number: usize,
    pub(super) count: usize,
    pub(super) lines: usize,
    /// The address up to the page's number, and the table's place.
    base: String,
    anchor: &'static str,
}

impl Pages {
    /// The page that is asked for of so many lines. `base` is the address with what else it asks for.
    pub(super) fn new(asked: &str, lines: usize, base: &str, parameter: &str, anchor: &'static str) -> Self {
        let count = lines.div_ceil(PAGE).max(1);
        let number = asked.parse().unwrap_or(1).clamp(1, count);
        let mark = if base.contains('?') { '&' } else { '?' };
        Self { number, count, lines, base: format!("{base}{mark}{parameter}="), anchor }
    }

    /// Its lines.
    pub(super) fn of<T>(&self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip((self.number - 1) * PAGE).take(PAGE).collect()
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    pub(super) fn link(&self, number: &usize) -> String {
        format!("{}{number}#{}", self.base, self.anchor)
    }

    pub(super) fn next(&self) -> Option<usize> {
        (self.number < self.count).then(|| self.number + 1)
    }

    pub(super) fn previous(&self) -> Option<usize> {
        (self.number > 1).then(|| self.number - 1)
    }
}
