//! Tables without lines, as Syft and Grype print them: columns two spaces apart, every one filled up to its width.

use crate::report::printable;

/// The text of a table. Columns that are empty all the way down, title included, are left out.
pub(crate) fn render(titles: &[&str], rows: &[Vec<String>]) -> String {
    let clean: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(place, title)| {
            let cells = clean.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count());
            cells.max().unwrap_or_default().max(title.chars().count())
        })
        .collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        for (cell, width) in cells.zip(&widths).filter(|(_, width)| **width > 0) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        text.push('\n');
    };
    line(&mut titles.iter().copied());
    for row in &clean {
        line(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn columns_are_filled() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = [row(&["a\u{1b}", "1.0", ""]), row(&["long-name", "1", ""])];
        assert_eq!(
            render(&["NAME", "VERSION", ""], &rows),
            "NAME       VERSION  \na\u{fffd}         1.0      \nlong-name  1        \n"
        );
    }
}
