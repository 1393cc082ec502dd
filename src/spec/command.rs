//! `command!`, which declares a command right above the function that runs it.

/// Declares a command: a doc comment, its syntax and its reply, then clauses.
///
/// The first line of the comment is the summary. `keys` says what happens to each group of keys, in the order of the
/// syntax; `also` names ACL categories besides the family's; `arity` overrides the arity that the syntax gives.
/// It expands to a constant of type [`Command`](crate::engine::Command).
#[macro_export]
macro_rules! command {
    (
        #[doc = $summary:literal]
        $(#[doc = $docs:literal])*
        $vis:vis $name:ident $($full:literal)? ($syntax:literal) -> $reply:literal;
        $(flags $($flag:ident)|+;)?
        $(keys $($($access:ident)|+),+;)?
        $(arity $arity:literal;)?
        $(also $($also:ident)|+;)?
        since $since:literal;
        takes $complexity:literal;
        run $run:path;
    ) => {
        $vis const $name: $crate::engine::Command = {
            const NAME: &str = $crate::command!(@name $name $($full)?);
            const ACCESS: &[$crate::spec::Access] =
                &[$($($crate::spec::Access::NONE $(.or($crate::spec::Access::$access))+),+)?];
            $crate::engine::Command {
                spec: $crate::spec::Spec {
                    name: NAME,
                    syntax: $syntax,
                    #[cfg(any(feature = "docs", feature = "server"))]
                    reply: $reply,
                    summary: $summary,
                    #[cfg(feature = "docs")]
                    docs: &[$($docs),*],
                    since: $since,
                    complexity: $complexity,
                    flags: $crate::spec::Flags::NONE $($(.or($crate::spec::Flags::$flag))+)?,
                    also: $crate::spec::Categories::NONE $($(.or($crate::spec::Categories::$also))+)?,
                    access: ACCESS,
                    shape: $crate::spec::Shape::parse(NAME, $syntax)
                        $(.with_arity($arity))?
                        .with_groups(ACCESS.len()),
                },
                run: $run,
            }
        };
    };
    (@name $name:ident) => { stringify!($name) };
    (@name $name:ident $full:literal) => { $full };
}
