//! `table.sort`: a quicksort that can stop at every comparison, which may be a function of the script.

use crate::lua::meta::compare_error;
use crate::lua::native::{Call, Fault, Ret, Task, Then};
use crate::lua::proto::Op;
use crate::lua::thread::Then as After;
use crate::lua::value::{TableId, Value};
use crate::lua::vm::Got;

pub(super) fn sort(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    let end = call.len_of(table);
    if !call.arg(1).is_nil() && !matches!(call.arg(1), Value::Closure(_) | Value::Native(_)) {
        return Err(call.type_error(1, "function"));
    }
    call.check_writable(table)?;
    // The pivot has a slot of its own, where the collector sees it.
    call.push(Value::Nil)?;
    let pivot = call.top - 1;
    let mut sort = Sort {
        table,
        ranges: vec![(1, end)],
        at: At::Range,
        pivot,
        low: 0,
        high: 0,
        i: 0,
        j: 0,
        paused: false,
    };
    match sort.go(call, None)? {
        Some(ret) => Ok(ret.with(Some(Box::new(sort)))),
        None => Ok(Ret::None),
    }
}

/// What a sort waits for.
enum Wait {
    /// The result of a call of the function and arguments pushed.
    Call,
    Fuel,
}

impl Wait {
    fn with(self, task: Option<Box<dyn Task>>) -> Ret {
        match self {
            Wait::Call => Ret::more(Then::Call(2, task)),
            Wait::Fuel => Ret::more(Then::Pause(task)),
        }
    }
}

struct Sort {
    table: TableId,
    /// What is left to sort, each from a first to a last place; the last one is next.
    ranges: Vec<(usize, usize)>,
    at: At,
    /// The slot of the pivot.
    pivot: usize,
    low: usize,
    high: usize,
    i: usize,
    j: usize,
    /// Whether it waits for fuel, not for a result.
    paused: bool,
}

/// The comparison that is next, or whose result is awaited.
#[derive(Clone, Copy)]
enum At {
    /// Takes the next range.
    Range,
    /// `last < first`: they change places.
    Ends,
    /// `middle < first`
    MiddleFirst,
    /// `last < middle`
    LastMiddle,
    /// `t[i] < pivot`
    Up,
    /// `pivot < t[j]`
    Down,
}

impl Task for Sort {
    fn step(&mut self, call: &mut Call<'_>, results: usize) -> Result<Ret, Fault> {
        let less = results > 0 && call.pushed(results - 1).truth();
        call.pop(results);
        let result = if std::mem::take(&mut self.paused) { None } else { Some(less) };
        match self.go(call, result)? {
            Some(wait) => Ok(wait.with(None)),
            None => Ok(Ret::None),
        }
    }
}

impl Sort {
    fn get(&self, call: &Call<'_>, place: usize) -> Value {
        call.get_int(self.table, place)
    }

    fn swap(&self, call: &mut Call<'_>, a: usize, b: usize) -> Result<(), Fault> {
        let (first, second) = (self.get(call, a), self.get(call, b));
        call.set_int(self.table, a, second)?;
        call.set_int(self.table, b, first)
    }

    /// Sorts on, with the result of the comparison that is next if it is known already.
    fn go(&mut self, call: &mut Call<'_>, mut result: Option<bool>) -> Result<Option<Wait>, Fault> {
        loop {
            if matches!(self.at, At::Range) {
                result = None;
                let Some((low, high)) = self.ranges.pop() else { return Ok(None) };
                if low >= high {
                    continue;
                }
                (self.low, self.high, self.at) = (low, high, At::Ends);
            }
            let less = match result.take() {
                Some(less) => less,
                None => match self.compare(call)? {
                    Ok(less) => less,
                    Err(wait) => return Ok(Some(wait)),
                },
            };
            self.take(call, less)?;
        }
    }

    /// Compares what is next to be compared.
    fn compare(&mut self, call: &mut Call<'_>) -> Result<Result<bool, Wait>, Fault> {
        let (low, high) = (self.low, self.high);
        let middle = low + (high - low) / 2;
        let pivot = call.vm.thread.stack[self.pivot];
        let (left, right) = match self.at {
            At::Ends => (self.get(call, high), self.get(call, low)),
            At::MiddleFirst => (self.get(call, middle), self.get(call, low)),
            At::LastMiddle => (self.get(call, high), self.get(call, middle)),
            At::Up => (self.get(call, self.i), pivot),
            At::Down => (pivot, self.get(call, self.j)),
            At::Range => return Ok(Ok(false)),
        };
        call.vm.heap.fuel -= 2;
        if call.vm.heap.fuel < 0 {
            self.paused = true;
            return Ok(Err(Wait::Fuel));
        }
        let function = call.arg(1);
        if !function.is_nil() {
            for value in [function, left, right] {
                call.push(value)?;
            }
            return Ok(Err(Wait::Call));
        }
        match call.vm.try_compare(Op::Lt, left, right) {
            Some((Got::Value(truth), _)) => Ok(Ok(truth.truth())),
            Some((Got::Call(function, args, _), After::Test)) => {
                for value in [function, args[0], args[1]] {
                    call.push(value)?;
                }
                Ok(Err(Wait::Call))
            }
            // The comparison is the machine's, so its error has no place.
            _ => Err(call.plain_error(compare_error(left, right))),
        }
    }

    /// Does what the result of a comparison asks for.
    fn take(&mut self, call: &mut Call<'_>, less: bool) -> Result<(), Fault> {
        let (low, high) = (self.low, self.high);
        let middle = low + (high - low) / 2;
        match self.at {
            At::Range => {}
            At::Ends => {
                if less {
                    self.swap(call, low, high)?;
                }
                self.at = if high - low == 1 { At::Range } else { At::MiddleFirst };
            }
            At::MiddleFirst if less => {
                self.swap(call, low, middle)?;
                self.part(call)?;
            }
            At::MiddleFirst => self.at = At::LastMiddle,
            At::LastMiddle => {
                if less {
                    self.swap(call, middle, high)?;
                }
                self.part(call)?;
            }
            At::Up if less => {
                if self.i > high {
                    return Err(call.error("invalid order function for sorting"));
                }
                self.i += 1;
            }
            At::Up => {
                self.j -= 1;
                self.at = At::Down;
            }
            At::Down if less => {
                if self.j < low {
                    return Err(call.error("invalid order function for sorting"));
                }
                self.j = self.j.wrapping_sub(1);
            }
            At::Down => {
                if self.j < self.i {
                    self.split(call)?;
                } else {
                    self.swap(call, self.i, self.j)?;
                    self.i += 1;
                    self.at = At::Up;
                }
            }
        }
        Ok(())
    }

    /// Begins to part a range around its middle, unless three values are all of it.
    fn part(&mut self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (low, high) = (self.low, self.high);
        if high - low == 2 {
            self.at = At::Range;
            return Ok(());
        }
        let middle = low + (high - low) / 2;
        call.vm.thread.stack[self.pivot] = self.get(call, middle);
        self.swap(call, middle, high - 1)?;
        (self.i, self.j, self.at) = (low + 1, high - 1, At::Up);
        Ok(())
    }

    /// Puts the pivot between the two parts; the smaller part is sorted first.
    fn split(&mut self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (low, high, i) = (self.low, self.high, self.i);
        self.swap(call, high - 1, i)?;
        let (below, above) = ((low, i - 1), (i + 1, high));
        if i - low < high - i {
            self.ranges.extend([above, below]);
        } else {
            self.ranges.extend([below, above]);
        }
        self.at = At::Range;
        Ok(())
    }
}
