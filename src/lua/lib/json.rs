//! `cjson.decode`.

use crate::base::number::format_int;
use crate::lua::native::{Call, Fault, Ret};
use crate::lua::number;
use crate::lua::value::{TableId, Value};

use super::cjson::{DECODE_DEPTH, DECODE_INVALID, setting};

pub(super) fn decode(call: &mut Call<'_>) -> Result<Ret, Fault> {
    if call.len() != 1 {
        return Err(call.arg_error(0, "expected 1 argument"));
    }
    let id = call.str(0)?;
    let len = call.bytes(id).len();
    call.charge(len)?;
    let text = call.bytes(id).to_vec();
    call.vm.heap.refund(len);
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(call.error("JSON parser does not support UTF-16 or UTF-32"));
    }
    let depth = setting(call, DECODE_DEPTH);
    let lenient = setting(call, DECODE_INVALID) == 1;
    let mut decoder = Decoder { text: &text, at: 0, start: 0, lenient, depth, open: vec![], string: vec![] };
    let value = decoder.run(call)?;
    Ok(Ret::One(value))
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// Its bytes are in the decoder.
    String,
    Number(f64),
    Bool(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Bool(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(message) => message,
        }
    }
}

/// An array or object being read.
struct Open {
    table: TableId,
    /// The next index, of an array.
    next: usize,
    /// The key whose value is next, of an object.
    key: Option<Value>,
}

struct Decoder<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the last token begins, or where in it an error is.
    start: usize,
    lenient: bool,
    depth: i64,
    open: Vec<Open>,
    string: Vec<u8>,
}

impl Decoder<'_> {
    fn run(&mut self, call: &mut Call<'_>) -> Result<Value, Fault> {
        let mut token = self.token();
        loop {
            call.vm.heap.fuel -= 1;
            let mut value = match token {
                Token::String => {
                    call.work(self.string.len());
                    call.string(&self.string)?
                }
                Token::Number(number) => Value::Number(number),
                Token::Bool(truth) => Value::Bool(truth),
                Token::Null => Value::Null,
                Token::ArrayBegin | Token::ObjectBegin => {
                    let table = self.enter(call)?;
                    let is_array = token == Token::ArrayBegin;
                    token = self.token();
                    match (is_array, token) {
                        (true, Token::ArrayEnd) | (false, Token::ObjectEnd) => Value::Table(table),
                        (true, _) => {
                            self.push(call, Open { table, next: 1, key: None })?;
                            continue;
                        }
                        (false, _) => {
                            let key = self.key(call, token)?;
                            self.push(call, Open { table, next: 0, key: Some(key) })?;
                            token = self.token();
                            continue;
                        }
                    }
                }
                other => return Err(self.unexpected(call, "value", other)),
            };
            // The value is complete: so may be what is around it.
            loop {
                let Some(open) = self.open.last_mut() else {
                    return match self.token() {
                        Token::End => Ok(value),
                        other => Err(self.unexpected(call, "the end", other)),
                    };
                };
                let table = open.table;
                let end = match open.key.take() {
                    Some(key) => {
                        call.set(table, key, value)?;
                        Token::ObjectEnd
                    }
                    None => {
                        call.set_int(table, open.next, value)?;
                        open.next += 1;
                        Token::ArrayEnd
                    }
                };
                match self.token() {
                    Token::Comma => break,
                    other if other == end => {
                        self.open.pop();
                        call.vm.heap.refund(size_of::<Open>());
                        value = Value::Table(table);
                    }
                    other if end == Token::ObjectEnd => {
                        return Err(self.unexpected(call, "comma or object end", other));
                    }
                    other => return Err(self.unexpected(call, "comma or array end", other)),
                }
            }
            token = self.token();
            if self.open.last().is_some_and(|open| open.next == 0) {
                let key = self.key(call, token)?;
                if let Some(open) = self.open.last_mut() {
                    open.key = Some(key);
                }
                token = self.token();
            }
        }
    }

    fn push(&mut self, call: &mut Call<'_>, open: Open) -> Result<(), Fault> {
        call.charge(size_of::<Open>())?;
        self.open.push(open);
        Ok(())
    }

    fn enter(&mut self, call: &mut Call<'_>) -> Result<TableId, Fault> {
        let depth = self.open.len() as i64 + 1;
        if depth > self.depth {
            let number = |n: i64| String::from_utf8_lossy(&format_int(n)).into_owned();
            let (depth, place) = (number(depth), number(self.at as i64));
            let text =
                ["Found too many nested data structures (", &depth, ") at character ", &place].concat();
            return Err(call.error(text));
        }
        call.table(0, 0)
    }

    /// Reads the rest of a key whose token has been read, up to its colon.
    fn key(&mut self, call: &mut Call<'_>, token: Token) -> Result<Value, Fault> {
        if token != Token::String {
            return Err(self.unexpected(call, "object key string", token));
        }
        let key = call.string(&self.string)?;
        match self.token() {
            Token::Colon => Ok(key),
            other => Err(self.unexpected(call, "colon", other)),
        }
    }

    fn unexpected(&self, call: &mut Call<'_>, wanted: &str, found: Token) -> Fault {
        let place = String::from_utf8_lossy(&format_int(self.start as i64 + 1)).into_owned();
        call.error(["Expected ", wanted, " but found ", found.name(), " at character ", &place].concat())
    }

    fn token(&mut self) -> Token {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.start = self.at;
        let Some(byte) = self.text.get(self.at) else { return Token::End };
        let single = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            0 => return Token::End,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => return self.number(),
            b'+' if self.lenient => return self.number(),
            _ => return self.word(),
        };
        self.at += 1;
        single
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        for (word, token) in
            [(&b"true"[..], Token::Bool(true)), (b"false", Token::Bool(false)), (b"null", Token::Null)]
        {
            if rest.starts_with(word) {
                self.at += word.len();
                return token;
            }
        }
        let begins = |word: &[u8]| rest.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if self.lenient && (begins(b"inf") || begins(b"nan")) {
            return self.number();
        }
        Token::Error("invalid token")
    }

    fn number(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let (number, len) = longest_number(rest);
        if len == 0 || !self.lenient && is_invalid(rest) {
            return Token::Error("invalid number");
        }
        self.at += len;
        Token::Number(number)
    }

    fn string(&mut self) -> Token {
        self.string.clear();
        self.at += 1;
        loop {
            let Some(byte) = self.text.get(self.at) else {
                self.start = self.at;
                return Token::Error("unexpected end of string");
            };
            match byte {
                b'"' => {
                    self.at += 1;
                    return Token::String;
                }
                b'\\' => {
                    if let Err(message) = self.escape() {
                        self.start = self.at;
                        return Token::Error(message);
                    }
                }
                byte => {
                    self.string.push(*byte);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        let byte = match self.text.get(self.at + 1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => 10,
            Some(b'r') => 13,
            Some(b't') => 9,
            Some(b'u') => return self.unicode(),
            _ => return Err("invalid escape code"),
        };
        self.string.push(byte);
        self.at += 2;
        Ok(())
    }

    fn unicode(&mut self) -> Result<(), &'static str> {
        const INVALID: &str = "invalid unicode escape code";
        let unit = |at: usize| -> Option<u32> {
            let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
            digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
        };
        let mut code = unit(self.at).ok_or(INVALID)?;
        let mut len = 6;
        if code & 0xf800 == 0xd800 {
            let low = unit(self.at + 6).filter(|low| low & 0xfc00 == 0xdc00).ok_or(INVALID)?;
            if code & 0x400 != 0 {
                return Err(INVALID);
            }
            code = 0x1_0000 + ((code & 0x3ff) << 10 | low & 0x3ff);
            len = 12;
        }
        let char = char::from_u32(code).ok_or(INVALID)?;
        self.string.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += len;
        Ok(())
    }
}

/// Returns whether JSON has no such numbers: hexadecimal ones, leading zeros, infinity.
fn is_invalid(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0', next, ..] => next.is_ascii_digit() || matches!(next, b'x' | b'X'),
        [b'0'..=b'9', ..] => false,
        [] => false,
        [first, ..] => !first.is_ascii_digit(),
    }
}

/// Returns the number that a text begins with, and how long it is; as C's `strtod`, the longest one.
fn longest_number(text: &[u8]) -> (f64, usize) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    // Nothing longer makes a difference, and each length is tried.
    let end = text.iter().position(|byte| !is_part(byte)).unwrap_or(text.len());
    if let Some(number) = number::parse_exact(&text[..end]) {
        return (number, end);
    }
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let hex = text[sign..].starts_with(b"0x") || text[sign..].starts_with(b"0X");
    let digits = |from: usize| {
        let is_digit = |byte: &u8| if hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        text[from..end].iter().take_while(|byte| is_digit(byte)).count()
    };
    let start = sign + if hex { 2 } else { 0 };
    let mut len = start.min(end) + digits(start.min(end));
    if text[..end].get(len) == Some(&b'.') {
        len += 1 + digits(len + 1);
    }
    let mut candidates = vec![len];
    if let Some(b'e' | b'E' | b'p' | b'P') = text[..end].get(len) {
        let mut exponent = len + 1;
        exponent += usize::from(matches!(text[..end].get(exponent), Some(b'+' | b'-')));
        exponent += text[exponent.min(end)..end].iter().take_while(|byte| byte.is_ascii_digit()).count();
        candidates.insert(0, exponent);
    }
    candidates.extend([sign + 8, sign + 3, sign + 1]);
    for len in candidates.into_iter().filter(|len| *len <= end && *len > 0) {
        if let Some(number) = number::parse_exact(&text[..len]) {
            return (number, len);
        }
    }
    (0.0, 0)
}
