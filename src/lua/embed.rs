//! What an embedder does with values besides running them.

use super::Lua;
use super::native::{Call, Fault};
use super::value::{TableId, Value};

impl Lua {
    /// Puts another table in place of the globals; returns the former ones. Both must be pinned, or reachable otherwise:
    /// those that [`Lua::new`] makes are pinned.
    pub fn swap_globals(&mut self, globals: TableId) -> TableId {
        std::mem::replace(&mut self.vm.globals, globals)
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
