//! What a container may use of the machine, and the sizes of claims.

use super::fields::{Fields, Shape, section};
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{Entry, Form, Value, Word};

const RESOURCES: Shape =
    Shape { what: "`resources`", once: &["limits", "requests", "cpu", "memory"], repeated: &[], refused: &[] };

const AMOUNTS: Shape = Shape { what: "this block", once: &["cpu", "memory"], repeated: &[], refused: &[] };

/// An amount as Kubernetes writes it, and as a number to compare with others of its kind.
struct Amount {
    placed: Placed,
    size: u128,
}

/// Reads `resources` and gives those of the container; `cpu` and `memory` right in it are limits.
pub(super) fn read(scene: &mut Scene<'_>, entry: &Entry) -> Option<Placed> {
    let (entries, span) = section(scene, entry)?;
    let fields = Fields::read(scene, &RESOURCES, entries);
    let mut lists: [(&str, Option<Fields<'_>>); 2] = [("limits", None), ("requests", None)];
    for (name, list) in &mut lists {
        if let Some(inner) = fields.entry(name)
            && let Some((entries, _)) = section(scene, inner)
        {
            *list = Some(Fields::read(scene, &AMOUNTS, entries));
        }
    }
    let [(_, limits), (_, requests)] = lists;
    let mut result = [Placed::object(), Placed::object()];
    for (what, read) in [("cpu", cpu as Reader), ("memory", memory as Reader)] {
        let direct = amount(scene, Some(&fields), what, read);
        let inner = amount(scene, limits.as_ref(), what, read);
        let request = amount(scene, requests.as_ref(), what, read);
        if let (Some((word, _)), Some(_)) = (&direct, &inner) {
            let message = format!("`{what}` is limited twice");
            scene.refuse(&word.span, message, format!("`{what}` right in `resources` means `limits`: remove one"));
        }
        let limit = direct.or(inner);
        if let (Some((_, limit)), Some((word, request))) = (&limit, &request)
            && request.size > limit.size
        {
            let message = format!("more `{what}` is requested than the limit allows");
            scene.refuse(&word.span, message, "raise the limit or lower the request");
        }
        for (list, amount) in result.iter_mut().zip([limit, request]) {
            if let Some((_, amount)) = amount {
                list.set(what, amount.placed);
            }
        }
    }
    let [limits, requests] = result;
    let mut placed = Placed::at(serde_json::Map::new(), scene.place(&span));
    for (name, list) in [("limits", limits), ("requests", requests)] {
        if !list.is_empty() {
            placed.set(name, list);
        }
    }
    Some(placed)
}

type Reader = fn(&mut Scene<'_>, &Value) -> Option<Amount>;

fn amount<'e>(
    scene: &mut Scene<'_>,
    fields: Option<&Fields<'e>>,
    what: &str,
    read: Reader,
) -> Option<(&'e Word, Amount)> {
    let (word, value) = fields?.value(scene, what)?;
    Some((word, read(scene, value)?))
}

fn written(scene: &mut Scene<'_>, what: &str, value: &Value) -> Option<String> {
    match &value.form {
        Form::Number(text) => Some(text.clone()),
        Form::Text(_) => scene.filled_string(what, value),
        Form::Faulty | Form::Null | Form::Bool(_) | Form::List(_) | Form::Map(_) | Form::Call(..) => {
            scene.wrong_kind(what, "an amount", value, "write it in double quotes, as in \"500m\" or \"512Mi\"");
            None
        }
    }
}

fn cpu(scene: &mut Scene<'_>, value: &Value) -> Option<Amount> {
    let text = written(scene, "cpu", value)?;
    let (digits, thousandths) = text.strip_suffix('m').map_or((text.as_str(), false), |digits| (digits, true));
    let size = if thousandths { whole(digits) } else { thousandths_of(digits) };
    let Some(size) = size.filter(|size| *size > 0) else {
        scene.refuse(
            &value.span,
            "this is not an amount of processor time",
            "write cores, as in \"0.5\" or \"2\", or thousandths of a core, as in \"500m\"",
        );
        return None;
    };
    Some(Amount { placed: Placed::at(text, scene.place(&value.span)), size })
}

fn memory(scene: &mut Scene<'_>, value: &Value) -> Option<Amount> {
    let text = written(scene, "memory", value)?;
    let split = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor: Option<u128> = match unit {
        "" => Some(1),
        "k" => Some(1_000),
        "M" => Some(1_000_000),
        "G" => Some(1_000_000_000),
        "T" => Some(1_000_000_000_000),
        "Ki" => Some(1 << 10),
        "Mi" => Some(1 << 20),
        "Gi" => Some(1 << 30),
        "Ti" => Some(1 << 40),
        _ => None,
    };
    let size = factor.and_then(|factor| whole(digits)?.checked_mul(factor)).filter(|size| *size > 0);
    let Some(size) = size else {
        let help = match unit {
            "m" | "mb" | "MB" | "mib" => "write mebibytes as `Mi`, as in \"512Mi\"",
            "g" | "gb" | "GB" | "gib" => "write gibibytes as `Gi`, as in \"2Gi\"",
            _ => "write whole bytes, or a whole number with Ki, Mi, Gi, Ti, k, M, G or T, as in \"512Mi\"",
        };
        scene.refuse(&value.span, "this is not an amount of memory", help);
        return None;
    };
    Some(Amount { placed: Placed::at(text, scene.place(&value.span)), size })
}

/// The size of a claim.
pub(super) fn size(scene: &mut Scene<'_>, value: &Value) -> Option<Placed> {
    memory(scene, value).map(|Amount { placed, size: _ }| placed)
}

fn whole(digits: &str) -> Option<u128> {
    let sound = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| digits.parse().ok()).flatten()
}

fn thousandths_of(decimal: &str) -> Option<u128> {
    let (units, fraction) = decimal.split_once('.').unwrap_or((decimal, "0"));
    if !(1..=3).contains(&fraction.len()) {
        return None;
    }
    let padded = format!("{fraction:0<3}");
    Some(whole(units)? * 1_000 + whole(&padded)?)
}
