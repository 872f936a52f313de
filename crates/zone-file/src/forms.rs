//! The form of the data of each type, for the error that refuses an entry.

use std::str;

use domain::base::iana::{Class, Rtype};

/// What the data of an entry that is refused consists of, if the form of its type is known.
pub(crate) fn advice(entry: &[u8]) -> Option<String> {
    let record_type = type_of(entry)?;
    Some(format!("{record_type} needs {}", form(record_type)?))
}

/// The type of the record that an entry begins to describe. TTL and class stand in front of it,
/// in any order, and the owner, unless the entry begins with a space.
fn type_of(entry: &[u8]) -> Option<Rtype> {
    let has_owner = !entry.first()?.is_ascii_whitespace();
    let words = entry.split(|byte| byte.is_ascii_whitespace() || b"()".contains(byte));
    let words = words.filter(|word| !word.is_empty());
    let mut words = words.skip(usize::from(has_owner)).map(str::from_utf8);
    let is_before = |word: &str| {
        let is_ttl = word.bytes().all(|byte| byte.is_ascii_digit());
        is_ttl || word.parse::<Class>().is_ok()
    };
    let first = words.find(|word| !word.is_ok_and(is_before))?;
    first.ok()?.parse().ok()
}

/// What the data of this type consists of, with an example.
fn form(record_type: Rtype) -> Option<&'static str> {
    Some(match record_type {
        Rtype::A => "an IPv4 address, such as `192.0.2.1`",
        Rtype::AAAA => "an IPv6 address, such as `2001:db8::1`",
        Rtype::CNAME | Rtype::NS | Rtype::PTR => "a name, such as `www`",
        Rtype::MX => "a preference and a name, such as `10 mail`",
        Rtype::TXT => "at least one text in quotes, such as `\"v=spf1 -all\"`",
        Rtype::SRV => "a priority, a weight, a port and a name, such as `10 5 443 www`",
        Rtype::CAA => "flags, a tag and a value, such as `0 issue \"ca.example\"`",
        Rtype::DS => {
            "a key tag, an algorithm, a digest type and a digest in hexadecimal digits, such as `60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118`"
        }
        Rtype::TLSA => {
            "a usage, a selector, a matching type and data in hexadecimal digits, such as `3 1 0 0d6fce13`"
        }
        Rtype::SSHFP => {
            "an algorithm, a fingerprint type and a fingerprint in hexadecimal digits, such as `4 1 dd465c09cfa51fb45020cc83316fff21b9ec74ac`"
        }
        Rtype::HTTPS | Rtype::SVCB => "a priority, a name and parameters, such as `1 . alpn=h2,h3`",
        Rtype::NAPTR => {
            "an order, a preference, flags, services, an expression and a name, such as `100 10 \"s\" \"SIP+D2U\" \"\" _sip._udp`"
        }
        Rtype::HINFO => "two texts in quotes, such as `\"PDP-11\" \"UNIX\"`",
        _ => return None,
    })
}
