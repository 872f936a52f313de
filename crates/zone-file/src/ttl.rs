//! TTLs with units, such as `1h30m`, as BIND has them.

use std::borrow::Cow;
use std::ops::Range;

/// The entry with its TTL in seconds, if it has one with units.
pub(crate) fn in_seconds(entry: &[u8]) -> Cow<'_, [u8]> {
    let Some((place, seconds)) = ttl(entry) else {
        return entry.into();
    };
    let seconds = seconds.to_string();
    [
        &entry[..place.start],
        seconds.as_bytes(),
        &entry[place.end..],
    ]
    .concat()
    .into()
}

/// Where the entry has a TTL with units, and how long that is. It stands after the owner and
/// before the type, and a class may be before it.
fn ttl(entry: &[u8]) -> Option<(Range<usize>, u32)> {
    let mut words = words(entry).peekable();
    let has_owner = words.peek().is_some_and(|first| first.start == 0);
    let may_be_ttl = words.skip(usize::from(has_owner)).take(2);
    for word in may_be_ttl {
        let text = &entry[word.clone()];
        if let Some(seconds) = seconds(text) {
            return Some((word, seconds));
        }
        if !is_class(text) {
            return None;
        }
    }
    None
}

/// The words at the beginning of an entry, as far as they are between blanks.
fn words(entry: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + entry[at..].iter().position(|byte| !is_blank(byte))?;
        let rest = &entry[start..];
        let length = rest
            .iter()
            .position(|byte| is_blank(byte) || byte.is_ascii_control());
        at = start + length.unwrap_or(rest.len());
        (at > start).then_some(start..at)
    })
}

fn is_class(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"IN")
}

/// The sum of numbers with units.
fn seconds(word: &[u8]) -> Option<u32> {
    let (mut sum, mut number) = (0_u32, None);
    for byte in word {
        match byte {
            b'0'..=b'9' => {
                let digit = u32::from(byte - b'0');
                let tens = number.unwrap_or(0_u32).checked_mul(10)?;
                number = Some(tens.checked_add(digit)?);
            }
            _ => sum = sum.checked_add(number.take()?.checked_mul(unit(*byte)?)?)?,
        }
    }
    (number.is_none() && !word.is_empty()).then_some(sum)
}

fn unit(byte: u8) -> Option<u32> {
    match byte.to_ascii_lowercase() {
        b's' => Some(1),
        b'm' => Some(60),
        b'h' => Some(3600),
        b'd' => Some(24 * 3600),
        b'w' => Some(7 * 24 * 3600),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_seconds_where_a_ttl_stands() {
        let cases = [
            ("$TTL 1h ; comment\n", "$TTL 3600 ; comment\n"),
            ("www 1h30M IN A 192.0.2.1\n", "www 5400 IN A 192.0.2.1\n"),
            ("www IN 2d A 192.0.2.1\n", "www IN 172800 A 192.0.2.1\n"),
            ("\tin\t1w TXT \"1h\"\n", "\tin\t604800 TXT \"1h\"\n"),
            ("1h A 192.0.2.1\n", "1h A 192.0.2.1\n"),
            ("1h 1h A 192.0.2.1\n", "1h 3600 A 192.0.2.1\n"),
            ("www 300 A 192.0.2.1\n", "www 300 A 192.0.2.1\n"),
            ("www TXT 1h\n", "www TXT 1h\n"),
            ("www 5x A 192.0.2.1\n", "www 5x A 192.0.2.1\n"),
            ("www 9999999w A 192.0.2.1\n", "www 9999999w A 192.0.2.1\n"),
            ("\n", "\n"),
            ("", ""),
        ];
        for (entry, expected) in cases {
            assert_eq!(&*in_seconds(entry.as_bytes()), expected.as_bytes());
        }
    }
}
