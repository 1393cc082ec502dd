//! What a script computes with: sixteen bytes, copied freely; everything large lies in the [heap](super::heap).

/// Declares the handles of objects in the heap.
macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $($(#[$doc])* #[derive(Clone, Copy, PartialEq, Eq, Debug)] pub struct $name(pub(super) u32);)+
    };
}

handles!(
    /// A table.
    TableId,
    /// A function written in Lua.
    ClosureId,
    /// A function written in Rust.
    NativeId,
    /// A coroutine.
    ThreadId,
    /// A variable that outlives its function's frame.
    UpvalueId,
);

/// A string. Equal strings have equal handles.
#[derive(Clone, Copy, Debug)]
pub struct StrId {
    pub(super) at: u32,
    /// As the reference implementation computes it, for tables: the order of their keys follows from it.
    pub(super) hash: u32,
}

impl PartialEq for StrId {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for StrId {}

/// A Lua value.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Value {
    #[default]
    Nil,
    Bool(bool),
    Number(f64),
    Str(StrId),
    Table(TableId),
    Closure(ClosureId),
    Native(NativeId),
    Thread(ThreadId),
    /// The one userdata there is: a null pointer, which cjson uses for JSON's null.
    Null,
}

const _: () = assert!(size_of::<Value>() == 16);

impl Value {
    /// Returns whether a condition takes this for true.
    #[inline]
    pub fn truth(self) -> bool {
        !matches!(self, Value::Nil | Value::Bool(false))
    }

    #[inline]
    pub fn is_nil(self) -> bool {
        matches!(self, Value::Nil)
    }

    /// Returns the name of the value's type, as `type` tells it.
    pub fn type_name(self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::Str(_) => "string",
            Value::Table(_) => "table",
            Value::Closure(_) | Value::Native(_) => "function",
            Value::Thread(_) => "thread",
            Value::Null => "userdata",
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}
