//! TEMP
/// q
#[derive(Debug, Default)]
pub struct ListQuery {}
/// p
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Page {
    pub rows: Vec<super::rows::ThreadRow>,
}
