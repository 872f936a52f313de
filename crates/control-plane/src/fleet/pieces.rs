//! Pieces: the endpoints of a fleet file one by one, so that a large file needs little memory.
//!
//! A tree of the whole file takes about twenty times the file's size. So the file is cut in
//! front of each `[[endpoint]]`, and each piece is read and dropped by itself. Together the
//! pieces mean the same as the file:
//! 1. A cut is in front of a header that begins a line, outside of strings, arrays and
//!    inline tables. The TOML lexer says where that is.
//! 2. A piece is one element of the array `endpoint`: its header, and the headers of its
//!    parts, such as `[[endpoint.target]]`, up to the first header of another kind.
//! 3. Everything else is the *rest*. A file whose endpoints cannot be told apart in this way
//!    is not cut: the rest is the whole file.

use std::borrow::Cow;
use std::iter::{self, Peekable};
use std::ops::Range;
use std::slice;

use toml_parser::Source;
use toml_parser::lexer::{Lexer, Token, TokenKind};

/// A part of a file's text.
pub(super) struct Piece<'a> {
    pub(super) text: Cow<'a, str>,
    /// Where its parts begin: the byte of the piece, and the byte of the file.
    parts: Vec<(usize, usize)>,
}

/// A fleet file in pieces.
pub(super) struct Pieces<'a> {
    text: &'a str,
    pub(super) rest: Piece<'a>,
    endpoints: Vec<Range<usize>>,
}

/// The kind of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Header {
    /// `[[endpoint]]`
    Endpoint,
    /// `[endpoint.…]`, `[[endpoint.…]]`
    OfEndpoint,
    /// A header that may mean an endpoint in another spelling, or as a table.
    Unclear,
    Other,
}

impl<'a> Pieces<'a> {
    /// Cuts a text.
    pub(super) fn of(text: &'a str) -> Self {
        Self::cut(text).unwrap_or_else(|| Self::whole(text))
    }

    /// The endpoint at this byte of the file, with its text.
    pub(super) fn endpoint_at(&self, at: usize) -> Option<(Range<usize>, &'a str)> {
        let after = self.endpoints.partition_point(|range| range.start <= at);
        let range = self.endpoints.get(after.checked_sub(1)?)?.clone();
        let text = self.text.get(range.clone())?;
        range.contains(&at).then_some((range, text))
    }

    fn whole(text: &'a str) -> Self {
        Self {
            text,
            rest: Piece::new(text, slice::from_ref(&(0..text.len()))),
            endpoints: Vec::new(),
        }
    }

    /// The endpoints, one by one.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = Piece<'a>> {
        let (text, ranges) = (self.text, self.endpoints.iter().cloned());
        ranges.map(move |range| Piece::new(text, slice::from_ref(&range)))
    }

    /// `None` if the endpoints cannot be told apart.
    fn cut(text: &'a str) -> Option<Self> {
        let (mut endpoints, mut rest) = (Vec::new(), Vec::new());
        let (mut begin, mut is_endpoint) = (0, false);
        let end = iter::once((text.len(), None));
        let headers = Headers::of(text).map(|(at, header)| (at, Some(header)));
        for (at, header) in headers.chain(end) {
            match header {
                Some(Header::Unclear) => return None,
                // An endpoint goes on after something else.
                Some(Header::OfEndpoint) if !is_endpoint => return None,
                Some(Header::OfEndpoint) => continue,
                Some(Header::Other) if !is_endpoint => continue,
                Some(Header::Endpoint | Header::Other) | None => {}
            }
            let parts = if is_endpoint {
                &mut endpoints
            } else {
                &mut rest
            };
            parts.push(begin..at);
            (begin, is_endpoint) = (at, header == Some(Header::Endpoint));
        }
        Some(Self {
            text,
            rest: Piece::new(text, &rest),
            endpoints,
        })
    }
}

impl<'a> Piece<'a> {
    fn new(file: &'a str, parts: &[Range<usize>]) -> Self {
        let text = |part: &Range<usize>| file.get(part.clone()).unwrap_or_default();
        let mut starts = Vec::with_capacity(parts.len());
        let mut length = 0;
        for part in parts {
            starts.push((length, part.start));
            length += part.len();
        }
        let text = match parts {
            [one] => Cow::Borrowed(text(one)),
            parts => parts.iter().map(text).collect(),
        };
        Self {
            text,
            parts: starts,
        }
    }

    /// The byte of the piece that is this byte of the file.
    pub(super) fn in_piece(&self, at: usize) -> Option<usize> {
        let end = self.text.len();
        let ends = self
            .parts
            .iter()
            .skip(1)
            .map(|&(start, _)| start)
            .chain([end]);
        self.parts
            .iter()
            .zip(ends)
            .find_map(|(&(start, in_file), end)| {
                let at = at.checked_sub(in_file)? + start;
                (at < end).then_some(at)
            })
    }

    /// The byte of the file that is this byte of the piece.
    pub(super) fn in_file(&self, at: usize) -> usize {
        let part = self.parts.partition_point(|&(start, _)| start <= at);
        let part = self.parts.get(part.saturating_sub(1));
        part.map_or(at, |&(start, in_file)| at - start + in_file)
    }
}

/// The headers of a text with their places.
struct Headers<'a> {
    text: &'a str,
    tokens: Peekable<Lexer<'a>>,
    /// How many brackets are open.
    depth: usize,
    begins_line: bool,
    /// Whether a header has come.
    has_begun: bool,
}

impl<'a> Headers<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            tokens: Source::new(text).lex().peekable(),
            depth: 0,
            begins_line: true,
            has_begun: false,
        }
    }

    /// Reads a header after its first bracket.
    fn header(&mut self) -> Header {
        let is_array = self.skip(TokenKind::LeftSquareBracket);
        self.skip(TokenKind::Whitespace);
        let key = self.tokens.next().map(|token| {
            let span = token.span();
            let text = self.text.get(span.start()..span.end());
            (token.kind(), text.unwrap_or_default())
        });
        self.skip(TokenKind::Whitespace);
        let ends = self.tokens.peek().map(Token::kind);
        match (key, ends) {
            (Some((TokenKind::Atom, "endpoint")), Some(TokenKind::Dot)) => Header::OfEndpoint,
            (Some((TokenKind::Atom, "endpoint")), Some(TokenKind::RightSquareBracket))
                if is_array =>
            {
                Header::Endpoint
            }
            (Some((TokenKind::Atom, other)), _) if other != "endpoint" => Header::Other,
            _ => Header::Unclear,
        }
    }

    fn skip(&mut self, kind: TokenKind) -> bool {
        let is_kind = |token: &Token| token.kind() == kind;
        let skipped = self.tokens.next_if(is_kind).is_some();
        if skipped && kind == TokenKind::LeftSquareBracket {
            self.depth += 1;
        }
        skipped
    }
}

impl Iterator for Headers<'_> {
    type Item = (usize, Header);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let token = self.tokens.next()?;
            let (kind, span) = (token.kind(), token.span());
            let begins_line = self.begins_line && self.depth == 0;
            self.begins_line = match kind {
                TokenKind::Newline => true,
                TokenKind::Whitespace => self.begins_line,
                _ => false,
            };
            match kind {
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => self.depth += 1,
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                    self.depth = self.depth.saturating_sub(1);
                }
                _ => {}
            }
            if begins_line && kind == TokenKind::LeftSquareBracket {
                self.has_begun = true;
                return Some((span.start(), self.header()));
            }
            // A key in front of all headers may mean the endpoints.
            let text = || self.text.get(span.start()..span.end());
            let is_key = match kind {
                TokenKind::Atom => text() == Some("endpoint"),
                TokenKind::BasicString | TokenKind::LiteralString => true,
                _ => false,
            };
            if begins_line && is_key && !self.has_begun {
                return Some((span.start(), Header::Unclear));
            }
        }
    }
}
