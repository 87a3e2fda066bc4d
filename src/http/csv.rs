//! CSV files for people.

use std::convert::Infallible;

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use futures::{Stream, stream};

use crate::domain::decimal::Decimal;

/// A mark by which Excel knows UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Some rows of a file, with nothing in them that Excel would take for a formula.
pub(super) struct Rows(csv::Writer<Vec<u8>>);

impl Rows {
    /// The beginning of a file.
    pub(super) fn headed(header: &[&str]) -> Self {
        let mut rows = Self(csv::Writer::from_writer(MARK.to_vec()));
        rows.add(header);
        rows
    }

    /// What follows.
    pub(super) fn more() -> Self {
        Self(csv::Writer::from_writer(Vec::new()))
    }

    pub(super) fn add(&mut self, fields: &[&str]) {
        // Writing to memory cannot fail.
        let _ = self.0.write_record(fields.iter().map(|field| harmless(field)));
    }

    pub(super) fn bytes(self) -> Bytes {
        self.0.into_inner().unwrap_or_default().into()
    }
}

/// A file that is made while it is sent, to be saved under a name.
pub(super) fn download<E: Into<BoxError>>(
    name: &str,
    parts: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Response {
    download_as("text/csv; charset=utf-8", name, parts)
}

/// The same of another kind.
pub(super) fn download_as<E: Into<BoxError>>(
    kind: &'static str,
    name: &str,
    parts: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Response {
    let mut response = Response::new(Body::from_stream(parts));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    response
}

/// A file that is there already.
pub(super) fn file(name: &str, rows: Rows) -> Response {
    download(name, stream::iter([Ok::<_, Infallible>(rows.bytes())]))
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
