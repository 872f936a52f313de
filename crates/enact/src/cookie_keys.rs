//! The keys of DNS cookies, in a file of their own, as they are secret.

use std::error::Error;
use std::path::Path;

use dns_server::CookieKeys;

use crate::option_file;

/// Hexadecimal digits of a key.
const DIGITS: usize = 32;

/// Reads the keys.
///
/// # Errors
/// If the file cannot be read, a line is no key, or there is none. No message repeats a key.
pub(crate) fn load(file: &Path) -> Result<CookieKeys, Box<dyn Error>> {
    let shown = file.display();
    let text = option_file::read_text("--cookie-keys", file)?;
    let mut keys = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let key = key(text.trim()).ok_or_else(|| {
            format!("{shown}:{line}: this is no key; write {DIGITS} hexadecimal digits")
        })?;
        keys.push(key);
    }
    let none = || format!("{shown}:1: there is no key; write at least one, a line each");
    Ok(CookieKeys::new(keys).ok_or_else(none)?)
}

fn key(text: &str) -> Option<[u8; DIGITS / 2]> {
    let is_key = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_key)?;
    Some(number.to_be_bytes())
}
