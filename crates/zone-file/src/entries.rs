//! The text of a zone file, entry by entry: the parser of the crate `domain`, with lines.
//!
//! That parser reads all of a file and says where it stopped, but not where a record began.
//! So it gets the text one entry at a time: a line, or several if parentheses or quotes join
//! them. It knows no units of time, which many zone files have in their TTLs (`1h`), so those
//! are rewritten before.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use domain::base::iana::{Class, Rtype};
use domain::base::name::{Name, ParsedName, ToName};
use domain::base::rdata::{ComposeRecordData, ParseRecordData};
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;
use domain::zonefile::inplace::{Entry as Parsed, Error, ScannedRecord, Zonefile};

use crate::{forms, ttl};

/// The byte order mark of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A record of a zone file.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Where it begins, from 1.
    pub(crate) line: usize,
    /// Its owner in lower case, without the final dot.
    pub(crate) owner: String,
    pub(crate) ttl: u32,
    pub(crate) record_type: Rtype,
    /// In wire format.
    pub(crate) data: Vec<u8>,
    /// The same with its names in lower case (RFC 4034, 6.2): equal in equal records.
    pub(crate) canonical: Vec<u8>,
    /// Where it points to, if it is an alias, a delegation, or of type MX or SRV.
    pub(crate) target: Option<String>,
}

/// Why a text is no zone file, and where.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) reason: String,
}

/// The records in this text. Relative names are below `apex`, and `ttl` is that of records
/// without one.
pub(crate) fn read(text: &[u8], apex: &Name<Bytes>, ttl: u32) -> Result<Vec<Entry>, Refused> {
    let mut parser = Zonefile::new();
    parser.set_origin(apex.clone());
    parser.set_default_class(Class::IN);
    let mut records = Vec::new();
    let ttl = format!("$TTL {ttl}\n");
    read_entry(&mut parser, 1, ttl.as_bytes(), &mut records)?;
    // Some editors put it before the text.
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let (mut line, mut rest) = (1, text);
    while !rest.is_empty() {
        let length = entry_length(rest).map_err(|reason| Refused {
            line,
            column: 1,
            reason: reason.into(),
        })?;
        let (entry, after) = rest.split_at(length);
        read_entry(&mut parser, line, &ttl::in_seconds(entry), &mut records)?;
        line += entry.split(|&byte| byte == b'\n').count() - 1;
        rest = after;
    }
    Ok(records)
}

/// Has the parser go on with this text, which is an entry.
fn read_entry(
    parser: &mut Zonefile,
    line: usize,
    text: &[u8],
    records: &mut Vec<Entry>,
) -> Result<(), Refused> {
    parser.extend_from_slice(text);
    if !text.ends_with(b"\n") {
        parser.extend_from_slice(b"\n");
    }
    while let Some(parsed) = next(parser, line, text)? {
        match parsed {
            Parsed::Record(record) => records.push(entry(line, &record)?),
            Parsed::Include { path, .. } => {
                let reason = format!("`$INCLUDE {path}` is not supported; put its records here");
                let column = 1;
                return Err(Refused {
                    line,
                    column,
                    reason,
                });
            }
        }
    }
    Ok(())
}

/// What the parser reads next. A panic is a refusal too, for a bad zone file must not end the
/// process that serves. One is known, in a parenthesis that is not closed, which does not get here.
fn next(parser: &mut Zonefile, line: usize, text: &[u8]) -> Result<Option<Parsed>, Refused> {
    // After either, nobody uses the parser again.
    let read = catch_unwind(AssertUnwindSafe(|| parser.next_entry()));
    let malformed = |_| Refused {
        line,
        column: 1,
        reason: "the entry is malformed; look for a parenthesis or a quote that is not closed"
            .into(),
    };
    read.map_err(malformed)?
        .map_err(|error| refused(&error, line, text))
}

/// How many bytes the first entry of a text has, with the end of its last line; or what is not
/// closed in it.
fn entry_length(text: &[u8]) -> Result<usize, &'static str> {
    let (mut is_quoted, mut is_escaped, mut is_comment) = (false, false, false);
    let mut open = 0_u32;
    for (at, byte) in text.iter().enumerate() {
        let was_escaped = std::mem::take(&mut is_escaped);
        match byte {
            b'\n' if open == 0 && !is_quoted => return Ok(at + 1),
            b'\n' => is_comment = false,
            _ if is_comment || was_escaped => {}
            b'\\' => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            b';' => is_comment = true,
            b'(' => open = open.saturating_add(1),
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    if is_quoted {
        Err("a quote of this entry is not closed; add a `\"`")
    } else if open > 0 {
        Err("a parenthesis of this entry is not closed; add a `)`")
    } else {
        Ok(text.len())
    }
}

fn entry(line: usize, record: &ScannedRecord) -> Result<Entry, Refused> {
    let (record_type, parsed) = (record.rtype(), record.data());
    let data = composed(parsed);
    let (canonical, target) = match parsed {
        ZoneRecordData::Unknown(_) => read_data(record_type, &data).ok_or_else(|| Refused {
            line,
            column: 1,
            reason: format!(
                "the bytes after `\\#` are not the data of a record of type {record_type}; correct them, or write the data as that type has it"
            ),
        })?,
        _ => (canonical(parsed), target(parsed)),
    };
    Ok(Entry {
        line,
        owner: text(record.owner()),
        ttl: record.ttl().as_secs(),
        record_type,
        data,
        canonical,
        target,
    })
}

/// Data that was written as RFC 3597 has it: in canonical form, and the target if there is one.
/// `None` if it is not the data of this type: too short, too long, or with a compressed name.
fn read_data(record_type: Rtype, data: &[u8]) -> Option<(Vec<u8>, Option<String>)> {
    let mut parser = Parser::from_ref(data);
    let parsed = ZoneRecordData::<_, ParsedName<_>>::parse_rdata(record_type, &mut parser);
    let parsed = parsed.ok()??;
    (composed(&parsed) == data).then(|| (canonical(&parsed), target(&parsed)))
}

/// The data in wire format, with names in lower case.
fn canonical(data: &impl ComposeRecordData) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a vector does not fail.
    let _ = data.compose_canonical_rdata(&mut bytes);
    bytes
}

/// The data in wire format.
fn composed(data: &impl ComposeRecordData) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a vector does not fail.
    let _ = data.compose_rdata(&mut bytes);
    bytes
}

/// Where a record points to, if it is an alias, a delegation, or of type MX or SRV.
fn target<O, N: ToName>(data: &ZoneRecordData<O, N>) -> Option<String> {
    let target = match data {
        ZoneRecordData::Cname(data) => data.cname(),
        ZoneRecordData::Ns(data) => data.nsdname(),
        ZoneRecordData::Mx(data) => data.exchange(),
        ZoneRecordData::Srv(data) => data.target(),
        _ => return None,
    };
    Some(text(target))
}

/// A name in lower case, without the final dot.
fn text(name: &impl ToName) -> String {
    name.to_vec().to_string().to_ascii_lowercase()
}

/// The parser's error in an entry that begins on this line. The text is `line:column: reason`,
/// and the lines include the one that was put before the file.
fn refused(error: &Error, line: usize, entry: &[u8]) -> Refused {
    let text = error.to_string();
    let mut parts = text.splitn(3, ':');
    let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
    let place = number().zip(number());
    let reason = parts.next().unwrap_or(&text).trim();
    let hint = if reason.starts_with("unknown record type") {
        "a type whose form is not known can be written as RFC 3597 has it: TYPE731 \\# 2 abcd"
            .into()
    } else {
        forms::advice(entry).unwrap_or_else(|| "correct the entry".into())
    };
    // An error at the end of a line is on the next one to the parser.
    let column = place
        .filter(|&(at, _)| at == line + 1)
        .map_or(1, |(_, column)| column);
    Refused {
        line,
        column,
        reason: format!("{reason}; {hint}"),
    }
}
