//! What JavaScript is told of between calls.

use js_sys::Function;
use serde::Serialize;
use wasm_bindgen::JsValue;

/// Something that happened to storage or to the engine: `{ kind, message }`.
#[derive(Serialize)]
pub struct Happening<'a> {
    /// `poisoned`, `output`, `failing`, `working`, `grown` or `lost`.
    kind: &'a str,
    /// Why, if there is more to say.
    message: &'a str,
}

/// Tells a listener of something that happened.
pub fn tell(listener: &Function, kind: &str, message: &str) {
    let happening = serde_wasm_bindgen::to_value(&Happening { kind, message });
    // What a listener throws is its own affair.
    let _ = listener.call1(&JsValue::NULL, &happening.unwrap_or_default());
}
