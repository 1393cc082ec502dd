//! The kinds of value, as commands ask for them.

use super::entry::{NewValue, Str, StrMut, ValueMut, ValueRef};
use super::hash::Hash;
use super::list::List;
use super::object::Object;
use super::set::Set;
use super::sorted_set::SortedSet;
use super::stream::Stream;

/// One of the types that a key can hold.
pub trait Kind {
    /// A value to be read.
    type Ref<'a>;
    /// A value to be changed.
    type Mut<'a>;

    fn of(value: ValueRef<'_>) -> Option<Self::Ref<'_>>;
    fn of_mut(value: ValueMut<'_>) -> Option<Self::Mut<'_>>;
    /// Returns a new value without contents.
    fn empty() -> NewValue<'static>;
}

impl Kind for Str<'_> {
    type Ref<'a> = Str<'a>;
    type Mut<'a> = StrMut<'a>;

    #[inline]
    fn of(value: ValueRef<'_>) -> Option<Str<'_>> {
        if let ValueRef::Str(string) = value { Some(string) } else { None }
    }

    #[inline]
    fn of_mut(value: ValueMut<'_>) -> Option<StrMut<'_>> {
        if let ValueMut::Str(string) = value { Some(string) } else { None }
    }

    fn empty() -> NewValue<'static> {
        NewValue::Raw(b"")
    }
}

impl Kind for List {
    type Ref<'a> = &'a List;
    type Mut<'a> = &'a mut List;

    fn of(value: ValueRef<'_>) -> Option<&List> {
        if let ValueRef::Object(Object::List(list)) = value { Some(list) } else { None }
    }

    fn of_mut(value: ValueMut<'_>) -> Option<&mut List> {
        if let ValueMut::Object(Object::List(list)) = value { Some(list) } else { None }
    }

    fn empty() -> NewValue<'static> {
        NewValue::Object(Object::List(Box::default()))
    }
}

impl Kind for SortedSet {
    type Ref<'a> = &'a SortedSet;
    type Mut<'a> = &'a mut SortedSet;

    fn of(value: ValueRef<'_>) -> Option<&SortedSet> {
        if let ValueRef::Object(Object::SortedSet(set)) = value { Some(set) } else { None }
    }

    fn of_mut(value: ValueMut<'_>) -> Option<&mut SortedSet> {
        if let ValueMut::Object(Object::SortedSet(set)) = value { Some(set) } else { None }
    }

    fn empty() -> NewValue<'static> {
        NewValue::Object(Object::SortedSet(Box::default()))
    }
}

impl Kind for Stream {
    type Ref<'a> = &'a Stream;
    type Mut<'a> = &'a mut Stream;

    fn of(value: ValueRef<'_>) -> Option<&Stream> {
        if let ValueRef::Object(Object::Stream(stream)) = value { Some(stream) } else { None }
    }

    fn of_mut(value: ValueMut<'_>) -> Option<&mut Stream> {
        if let ValueMut::Object(Object::Stream(stream)) = value { Some(stream) } else { None }
    }

    fn empty() -> NewValue<'static> {
        NewValue::Object(Object::Stream(Box::default()))
    }
}

impl Kind for Hash {
    type Ref<'a> = &'a Hash;
    type Mut<'a> = &'a mut Hash;

    fn of(value: ValueRef<'_>) -> Option<&Hash> {
        if let ValueRef::Object(Object::Hash(hash)) = value { Some(hash) } else { None }
    }

    fn of_mut(value: ValueMut<'_>) -> Option<&mut Hash> {
        if let ValueMut::Object(Object::Hash(hash)) = value { Some(hash) } else { None }
    }

    fn empty() -> NewValue<'static> {
        NewValue::Object(Object::Hash(Box::default()))
    }
}

impl Kind for Set {
    type Ref<'a> = &'a Set;
    type Mut<'a> = &'a mut Set;

    fn of(value: ValueRef<'_>) -> Option<&Set> {
        if let ValueRef::Object(Object::Set(set)) = value { Some(set) } else { None }
    }

    fn of_mut(value: ValueMut<'_>) -> Option<&mut Set> {
        if let ValueMut::Object(Object::Set(set)) = value { Some(set) } else { None }
    }

    fn empty() -> NewValue<'static> {
        NewValue::Object(Object::Set(Box::default()))
    }
}
