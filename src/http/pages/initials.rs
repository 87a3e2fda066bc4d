//! Chinese names by the initials of their pinyin, as traders type them: `gzmt` for 贵州茅台.

use pinyin::ToPinyinMulti as _;

/// Whether letters and digits are the initials of a part of a name. A character that is read in several ways may be meant in
/// any of them: nobody has to know which one a dictionary puts first.
pub(super) fn match_initials(name: &str, typed: &str) -> bool {
    let is_typed = !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let readings: Vec<Vec<char>> = name.chars().map(initials).filter(|letters| !letters.is_empty()).collect();
    let typed: Vec<char> = typed.to_ascii_lowercase().chars().collect();
    is_typed
        && readings.windows(typed.len()).any(|part| part.iter().zip(&typed).all(|(letters, one)| letters.contains(one)))
}

/// What a character may begin with when it is read aloud; nothing for a mark.
fn initials(letter: char) -> Vec<char> {
    if letter.is_ascii_alphanumeric() {
        return vec![letter.to_ascii_lowercase()];
    }
    let readings = letter.to_pinyin_multi().into_iter().flatten();
    readings.filter_map(|reading| reading.first_letter().chars().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_by_its_initials_however_it_is_read() {
        for (name, typed) in [
            ("贵州茅台", "gzmt"),
            ("贵州茅台", "GZMT"),
            ("贵州茅台", "mt"),
            ("平安银行", "payh"),
            ("重庆啤酒", "cqpj"),
            ("沪深300ETF", "hs300"),
            ("*ST华微", "sthw"),
        ] {
            assert!(match_initials(name, typed), "{name} {typed}");
        }
        for (name, typed) in [("贵州茅台", "gzt"), ("贵州茅台", ""), ("", "g"), ("贵州茅台", "gzmtx"), ("平安", "平安")]
        {
            assert!(!match_initials(name, typed), "{name} {typed}");
        }
    }
}
