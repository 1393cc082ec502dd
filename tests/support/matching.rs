//! Compares what was expected with what was printed.

/// Stands above an array whose elements may come in any order.
pub const ANY_ORDER: &str = "(in any order)";

/// Returns whether `printed` is what a transcript expects: `<n>` stands for an integer, `<text>` for any part of a
/// line, `…` alone on a line for any lines.
pub fn matches(expected: &str, printed: &str) -> bool {
    if let Some(expected) = expected.strip_prefix(ANY_ORDER) {
        let (expected, printed) = (elements(expected.trim_start_matches('\n')), elements(printed));
        return expected.len() == printed.len()
            && expected.iter().zip(&printed).all(|(expected, printed)| matches(expected, printed));
    }
    let expected: Vec<&str> = expected.split('\n').collect();
    let printed: Vec<&str> = printed.split('\n').collect();
    lines_match(&expected, &printed)
}

/// Returns whether an expectation leaves anything open.
pub fn is_open(expected: &str) -> bool {
    expected.starts_with(ANY_ORDER)
        || expected.contains("<n>")
        || expected.contains("<text>")
        || expected.split('\n').any(|line| line == "…")
}

fn lines_match(expected: &[&str], printed: &[&str]) -> bool {
    match (expected, printed) {
        ([], []) => true,
        (["…", rest @ ..], _) => (0..=printed.len()).any(|from| lines_match(rest, &printed[from..])),
        ([first, expected @ ..], [line, printed @ ..]) => {
            line_matches(first, line) && lines_match(expected, printed)
        }
        _ => false,
    }
}

/// Returns whether one line is as expected.
pub fn line_matches(expected: &str, line: &str) -> bool {
    let wildcards = [expected.find("<n>"), expected.find("<text>")];
    let Some(at) = wildcards.into_iter().flatten().min() else { return expected == line };
    let Some(line) = line.strip_prefix(&expected[..at]) else { return false };
    if let Some(expected) = expected[at..].strip_prefix("<n>") {
        let sign = usize::from(line.starts_with('-'));
        let digits = line[sign..].bytes().take_while(u8::is_ascii_digit).count();
        return digits > 0 && line_matches(expected, &line[sign + digits..]);
    }
    let expected = expected[at..].trim_start_matches("<text>");
    line.char_indices()
        .map(|(from, _)| from)
        .chain([line.len()])
        .any(|from| line_matches(expected, &line[from..]))
}

/// Returns the sorted elements of a printed array or set, without their numbers.
fn elements(printed: &str) -> Vec<String> {
    let Some(width) = printed.find([')', '~', '>']) else { return vec![printed.into()] };
    let mut elements: Vec<String> = vec![];
    for line in printed.split('\n') {
        match (line.split_at_checked(width + 2), elements.last_mut()) {
            (Some((number, text)), _) if !number.trim_start().is_empty() => elements.push(text.into()),
            (_, Some(last)) => {
                last.push('\n');
                last.push_str(line);
            }
            _ => elements.push(line.into()),
        }
    }
    elements.sort();
    elements
}
