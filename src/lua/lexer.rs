//! Source text to tokens.

use crate::base::number::push_int;

use super::heap::{Heap, OutOfMemory};
use super::number;
use super::proto::{SYNTAX_NAME_MAX, push_name};
use super::value::StrId;

/// Why a source cannot be compiled.
pub(super) enum Refusal {
    /// The message, with its place.
    Text(Vec<u8>),
    Memory,
}

impl From<OutOfMemory> for Refusal {
    fn from(_: OutOfMemory) -> Self {
        Refusal::Memory
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Token {
    Name(StrId),
    String(StrId),
    Number(f64),
    /// A character that stands for itself.
    Char(u8),
    Word(Word),
    Concat,
    Dots,
    Eq,
    Ge,
    Le,
    Ne,
    End,
}

/// The reserved words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    And,
    Break,
    Do,
    Else,
    ElseIf,
    End,
    False,
    For,
    Function,
    If,
    In,
    Local,
    Nil,
    Not,
    Or,
    Repeat,
    Return,
    Then,
    True,
    Until,
    While,
}

const WORDS: [(&str, Word); 21] = [
    ("and", Word::And),
    ("break", Word::Break),
    ("do", Word::Do),
    ("else", Word::Else),
    ("elseif", Word::ElseIf),
    ("end", Word::End),
    ("false", Word::False),
    ("for", Word::For),
    ("function", Word::Function),
    ("if", Word::If),
    ("in", Word::In),
    ("local", Word::Local),
    ("nil", Word::Nil),
    ("not", Word::Not),
    ("or", Word::Or),
    ("repeat", Word::Repeat),
    ("return", Word::Return),
    ("then", Word::Then),
    ("true", Word::True),
    ("until", Word::Until),
    ("while", Word::While),
];

/// The tokens of a source, one at a time.
pub(super) struct Lexer<'a> {
    source: &'a [u8],
    name: &'a [u8],
    at: usize,
    pub token: Token,
    ahead: Option<Token>,
    /// The line being read.
    pub line: u32,
    /// The line of the token before.
    pub last_line: u32,
    /// What the last name, number or string looks like, escapes replaced.
    text: Vec<u8>,
}

impl<'a> Lexer<'a> {
    pub fn new(source: &'a [u8], name: &'a [u8]) -> Self {
        Self { source, name, at: 0, token: Token::End, ahead: None, line: 1, last_line: 1, text: vec![] }
    }

    /// Goes on to the next token.
    pub fn next(&mut self, heap: &mut Heap) -> Result<(), Refusal> {
        self.last_line = self.line;
        self.token = match self.ahead.take() {
            Some(token) => token,
            None => self.scan(heap)?,
        };
        Ok(())
    }

    /// Returns the token after the current one.
    pub fn peek(&mut self, heap: &mut Heap) -> Result<Token, Refusal> {
        let token = match self.ahead {
            Some(token) => token,
            None => self.scan(heap)?,
        };
        self.ahead = Some(token);
        Ok(token)
    }

    /// Returns an error at the line being read.
    pub fn error(&self, message: &str) -> Refusal {
        let mut text = vec![];
        push_name(&mut text, self.name, SYNTAX_NAME_MAX);
        text.push(b':');
        push_int(&mut text, self.line.into());
        text.extend_from_slice(b": ");
        text.extend_from_slice(message.as_bytes());
        Refusal::Text(text)
    }

    /// Returns an error that names the current token.
    pub fn error_here(&self, message: &str) -> Refusal {
        self.error_near(message, self.token)
    }

    fn error_near(&self, message: &str, token: Token) -> Refusal {
        let Refusal::Text(mut text) = self.error(message) else { return Refusal::Memory };
        if token == Token::Char(0) {
            // The reference implementation takes this one for no token at all.
            return Refusal::Text(text);
        }
        text.extend_from_slice(b" near '");
        match token {
            Token::Name(_) | Token::String(_) | Token::Number(_) => {
                text.extend_from_slice(self.text.split(|byte| *byte == 0).next().unwrap_or_default());
            }
            token => push_token(&mut text, token),
        }
        text.push(b'\'');
        Refusal::Text(text)
    }

    /// Returns an error about the text read so far.
    fn error_in_text(&self, message: &str) -> Refusal {
        self.error_near(message, Token::Number(0.0))
    }

    fn current(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.current() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Skips the end of a line, of either one or two characters.
    fn end_line(&mut self) -> Result<(), Refusal> {
        let first = self.current();
        self.at += 1;
        if let (Some(first), Some(second @ (b'\n' | b'\r'))) = (first, self.current())
            && first != second
        {
            self.at += 1;
        }
        self.line += 1;
        if self.line >= i32::MAX as u32 {
            return Err(self.error("chunk has too many lines"));
        }
        Ok(())
    }

    fn scan(&mut self, heap: &mut Heap) -> Result<Token, Refusal> {
        loop {
            let Some(byte) = self.current() else { return Ok(Token::End) };
            match byte {
                b'\n' | b'\r' => self.end_line()?,
                b' ' | b'\t' | 11 | 12 => self.at += 1,
                b'-' if self.source.get(self.at + 1) == Some(&b'-') => {
                    self.at += 2;
                    self.skip_comment()?;
                }
                b'[' => {
                    return match self.long_bracket() {
                        Ok(level) => {
                            self.long_text(level, false)?;
                            let skip = level + 2;
                            Ok(Token::String(heap.intern(&self.text[skip..self.text.len() - skip])?))
                        }
                        Err(0) => {
                            self.at += 1;
                            Ok(Token::Char(b'['))
                        }
                        Err(_) => Err(self.error_near(
                            "invalid long string delimiter",
                            Token::String(StrId { at: 0, hash: 0 }),
                        )),
                    };
                }
                b'=' => return Ok(self.pair(Token::Eq, b'=')),
                b'<' => return Ok(self.pair(Token::Le, b'<')),
                b'>' => return Ok(self.pair(Token::Ge, b'>')),
                b'~' => return Ok(self.pair(Token::Ne, b'~')),
                b'"' | b'\'' => return self.short_text(heap, byte),
                b'.' => {
                    let follows = |n: usize| self.source.get(self.at + n).copied().unwrap_or_default();
                    if follows(1).is_ascii_digit() {
                        return self.numeral();
                    }
                    let (token, len) = match (follows(1), follows(2)) {
                        (b'.', b'.') => (Token::Dots, 3),
                        (b'.', _) => (Token::Concat, 2),
                        _ => (Token::Char(b'.'), 1),
                    };
                    self.at += len;
                    return Ok(token);
                }
                b'0'..=b'9' => return self.numeral(),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => return self.name_or_word(heap),
                _ => {
                    self.at += 1;
                    return Ok(Token::Char(byte));
                }
            }
        }
    }

    /// Reads a character that means something else with `=` behind it.
    fn pair(&mut self, token: Token, alone: u8) -> Token {
        self.at += 1;
        if self.accept(b'=') { token } else { Token::Char(alone) }
    }

    fn name_or_word(&mut self, heap: &mut Heap) -> Result<Token, Refusal> {
        let rest = &self.source[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let name = &rest[..rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len())];
        self.at += name.len();
        if let Some((_, word)) = WORDS.iter().find(|(text, _)| text.as_bytes() == name) {
            return Ok(Token::Word(*word));
        }
        self.text.clear();
        self.text.extend_from_slice(name);
        Ok(Token::Name(heap.intern(name)?))
    }

    fn numeral(&mut self) -> Result<Token, Refusal> {
        let start = self.at;
        while matches!(self.current(), Some(b'0'..=b'9' | b'.')) {
            self.at += 1;
        }
        if matches!(self.current(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.current(), Some(b'+' | b'-')) {
                self.at += 1;
            }
        }
        while self.current().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        self.text.clear();
        self.text.extend_from_slice(&self.source[start..self.at]);
        match number::parse(&self.text) {
            Some(number) => Ok(Token::Number(number)),
            None => Err(self.error_in_text("malformed number")),
        }
    }

    /// Returns the level of the long bracket that begins here; if none does, how many `=` follow the bracket.
    fn long_bracket(&self) -> Result<usize, usize> {
        let rest = &self.source[self.at + 1..];
        let level = rest.iter().take_while(|byte| **byte == b'=').count();
        let bracket = self.source[self.at];
        if rest.get(level) == Some(&bracket) { Ok(level) } else { Err(level) }
    }

    fn skip_comment(&mut self) -> Result<(), Refusal> {
        if self.current() == Some(b'[')
            && let Ok(level) = self.long_bracket()
        {
            return self.long_text(level, true);
        }
        while !matches!(self.current(), None | Some(b'\n' | b'\r')) {
            self.at += 1;
        }
        Ok(())
    }

    /// Reads a text in long brackets, with them.
    fn long_text(&mut self, level: usize, comment: bool) -> Result<(), Refusal> {
        self.text.clear();
        self.text.extend_from_slice(&self.source[self.at..self.at + level + 2]);
        self.at += level + 2;
        if matches!(self.current(), Some(b'\n' | b'\r')) {
            self.end_line()?;
        }
        loop {
            match self.current() {
                None => {
                    let what = if comment { "unfinished long comment" } else { "unfinished long string" };
                    return Err(self.error_near(what, Token::End));
                }
                Some(b'\n' | b'\r') => {
                    self.end_line()?;
                    self.text.push(b'\n');
                }
                Some(b']') if self.long_bracket() == Ok(level) => {
                    self.text.extend_from_slice(&self.source[self.at..self.at + level + 2]);
                    self.at += level + 2;
                    return Ok(());
                }
                Some(b'[') if level == 0 && self.long_bracket() == Ok(0) => {
                    return Err(self.error_near("nesting of [[...]] is deprecated", Token::Char(b'[')));
                }
                Some(byte) => {
                    self.text.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn short_text(&mut self, heap: &mut Heap, quote: u8) -> Result<Token, Refusal> {
        self.text.clear();
        self.text.push(quote);
        self.at += 1;
        loop {
            match self.current() {
                None => return Err(self.error_near("unfinished string", Token::End)),
                Some(b'\n' | b'\r') => return Err(self.error_in_text("unfinished string")),
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                Some(byte) => {
                    self.text.push(byte);
                    self.at += 1;
                    if byte == quote {
                        break;
                    }
                }
            }
        }
        Ok(Token::String(heap.intern(&self.text[1..self.text.len() - 1])?))
    }

    fn escape(&mut self) -> Result<(), Refusal> {
        // The end of the source is noticed by who called.
        let Some(byte) = self.current() else { return Ok(()) };
        let plain = match byte {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\n' | b'\r' => {
                self.text.push(b'\n');
                return self.end_line();
            }
            b'0'..=b'9' => {
                let digits = self.source[self.at..].iter().take(3).take_while(|byte| byte.is_ascii_digit());
                let (mut code, mut len) = (0u32, 0);
                for digit in digits {
                    code = code * 10 + u32::from(digit - b'0');
                    len += 1;
                }
                self.at += len;
                let Ok(code) = u8::try_from(code) else {
                    return Err(self.error_in_text("escape sequence too large"));
                };
                self.text.push(code);
                return Ok(());
            }
            other => other,
        };
        self.text.push(plain);
        self.at += 1;
        Ok(())
    }
}

/// Appends the name of a token as messages have it.
pub(super) fn push_token(text: &mut Vec<u8>, token: Token) {
    match token {
        Token::Char(byte) if byte.is_ascii_control() => {
            text.extend_from_slice(b"char(");
            push_int(text, byte.into());
            text.push(b')');
        }
        Token::Char(byte) => text.push(byte),
        token => text.extend_from_slice(name_of(token).as_bytes()),
    }
}

fn name_of(token: Token) -> &'static str {
    match token {
        Token::Name(_) => "<name>",
        Token::String(_) => "<string>",
        Token::Number(_) => "<number>",
        Token::Char(_) => "",
        Token::Word(word) => WORDS.iter().find(|(_, other)| *other == word).map_or("", |(text, _)| text),
        Token::Concat => "..",
        Token::Dots => "...",
        Token::Eq => "==",
        Token::Ge => ">=",
        Token::Le => "<=",
        Token::Ne => "~=",
        Token::End => "<eof>",
    }
}
