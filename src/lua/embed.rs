//! What an embedder does with values besides running them.

use super::native::{Call, Fault};
use super::value::{TableId, Value};
use super::{Lua, OutOfMemory};

impl Lua {
    /// Returns a global variable.
    ///
    /// # Errors
    /// There is no room for its name.
    pub fn global(&mut self, name: &str) -> Result<Value, OutOfMemory> {
        let key = self.vm.heap.string(name.as_bytes())?;
        Ok(self.vm.heap.table(self.vm.globals).get(key))
    }

    /// Makes reading what a table does not have an error, as it is for the globals after [`Lua::seal`]; scripts can't
    /// change the table.
    pub fn guard(&mut self, table: TableId) {
        let meta = self.vm.heap.table(self.vm.globals).meta;
        self.vm.set_metatable(table, meta);
        self.set_readonly(table, true);
    }
}

impl Call<'_> {
    /// Keeps a value, whatever becomes of the script, until [`Lua::unpin`].
    pub fn keep(&mut self, value: Value) -> Result<(), Fault> {
        self.vm.heap.charge(size_of::<Value>())?;
        self.vm.heap.pinned.push(value);
        Ok(())
    }

    /// Returns the keys and values of a table, in no order.
    pub fn entries(&self, table: TableId) -> Vec<(Value, Value)> {
        self.vm.heap.table(table).entries().collect()
    }
}
