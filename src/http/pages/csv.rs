//! CSV files for people.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;

use crate::domain::decimal::Decimal;

/// A file with a mark by which Excel knows UTF-8, and nothing that Excel would take for a formula.
pub(super) struct Table(csv::Writer<Vec<u8>>);

impl Table {
    pub(super) fn new(header: &[&str]) -> Self {
        let mut table = Self(csv::Writer::from_writer(Vec::new()));
        table.row(header);
        table
    }

    pub(super) fn row(&mut self, fields: &[&str]) {
        // Writing to memory cannot fail.
        let _ = self.0.write_record(fields.iter().map(|field| harmless(field)));
    }

    /// The file, to be saved under a name.
    pub(super) fn download(self, name: &str) -> Response {
        let bytes = self.0.into_inner().unwrap_or_default();
        let mut response = Response::new(Body::from([b"\xef\xbb\xbf", &*bytes].concat()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
        if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
            headers.insert(CONTENT_DISPOSITION, value);
        }
        response
    }
}

/// What a spreadsheet takes for the beginning of a formula; in East Asian settings also the signs of full width.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A field that a spreadsheet shows and does not compute, also where it passes over blanks and line ends before it.
fn harmless(field: &str) -> String {
    let is_formula = field.trim_start().starts_with(SIGNS) || field.starts_with(['\t', '\r', '\n']);
    if is_formula && Decimal::parse(field).is_err() { format!("'{field}") } else { field.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_a_spreadsheet_would_compute_is_text() {
        for field in [
            "=1+1",
            "+1+1",
            "-1+1",
            "@x",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1+1",
            "＋1+1",
            "－1+1",
            "＠x",
            " =1",
            "\u{3000}＝1",
        ] {
            assert_eq!(harmless(field), format!("'{field}"));
        }
        for field in ["", " ", "-100", "-0.25", "600000.SH", "a=b", "浦发银行", "*x"] {
            assert_eq!(harmless(field), field);
        }
    }
}
