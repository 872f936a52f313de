//! Which field a misspelled key means.
//!
//! The distance is that of Levenshtein: how many characters are to be inserted, taken out or
//! replaced. A crate for it would be one more package of the test command.

/// Most characters of a key that is compared. No field has as many.
const LONGEST: usize = 64;

/// The field that is nearest to this key, if one is near: a third of its characters may differ, or
/// the key is its beginning.
pub(super) fn nearest<'f>(key: &str, fields: &[&'f str]) -> Option<&'f str> {
    if key.len() > LONGEST {
        return None;
    }
    let begins = |field: &&str| key.len() >= 3 && field.starts_with(key);
    let distances = fields.iter().map(|field| (distance(key, field), *field));
    let near = distances.filter(|(distance, field)| distance * 3 <= field.len());
    let near = near.min().map(|(_, field)| field);
    near.or_else(|| fields.iter().copied().find(begins))
}

/// By how many characters two texts differ.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // For each beginning of `b`: its distance from the beginning of `a` that has been read.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (read, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], read + 1);
        for (at, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_field_is_found_and_a_far_one_is_not() {
        let fields = ["weight", "capacity", "max_removal_percent", "at"];
        for (key, field) in [
            ("capcity", Some("capacity")),
            ("capactiy", Some("capacity")),
            ("Capacity", Some("capacity")),
            ("wait", None),
            ("wieght", Some("weight")),
            ("max", Some("max_removal_percent")),
            ("ma", None),
            ("a", None),
            ("", None),
            ("\u{e9}t\u{e9}", None),
        ] {
            assert_eq!(nearest(key, &fields), field, "{key}");
        }
        assert_eq!(nearest(&"capacity".repeat(100), &fields), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "abc"), distance("abc", "")), (3, 3));
    }
}
