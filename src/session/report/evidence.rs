//! What the answer rests on: drawn in the pictures, seen from above, and as a table.

use base64::{Engine, engine::general_purpose::STANDARD};
use image::RgbImage;

use super::{Html, deviations, map};
use crate::{
    answer::{Evidence, picture::evidence_picture},
    scene::{Snapshot, View, image_encode::jpeg},
    session::{
        recorded::Recorded,
        records::{EvidenceRecord, PictureRefRecord},
    },
};

const JPEG_QUALITY: u8 = 85;

pub(super) fn write(page: &mut Html, recorded: &Recorded) {
    let records: &[EvidenceRecord] =
        recorded.outcome.answer.as_ref().map(|answer| &answer.evidence[..]).unwrap_or_default();
    let Some(snapshot) = &recorded.snapshot else {
        page.raw("<h2>What could be seen</h2>\n<p>The question was refused before there was an image.</p>\n");
        return;
    };
    page.raw(if records.is_empty() { "<h2>What could be seen</h2>\n" } else { "<h2>Evidence</h2>\n" });
    let evidence: Vec<Evidence> = records.iter().map(EvidenceRecord::to_evidence).collect();
    page.raw("<div class=\"wide\">\n");
    for view in shown_views(snapshot, &evidence) {
        let drawn = evidence_picture(snapshot, view, &evidence, "");
        let caption =
            format!("{}, InputImages[{}], {} s, frame {}", view.camera, view.view_idx, view.stamp, view.optical_frame);
        figure(page, &drawn, &caption);
    }
    if let Some(drawing) = map::draw(snapshot, &evidence) {
        page.raw("<figure>\n").part(drawing);
        page.raw("<figcaption>").text(format!("From above, metres in {}", snapshot.fixed_frame));
        page.raw(": grey what the cameras see of each thing, blue the cameras, red and green the robot's x and y, ");
        page.raw("coloured the evidence with two standard deviations of its place</figcaption>\n</figure>\n");
    }
    page.raw("</div>\n");
    if !records.is_empty() {
        table(page, records);
    }
}

/// Those with evidence; the newest of each camera when there is none.
fn shown_views<'a>(snapshot: &'a Snapshot, evidence: &[Evidence]) -> Vec<&'a View> {
    let used: Vec<&View> =
        snapshot.views.iter().filter(|view| evidence.iter().any(|item| item.view_idx == view.view_idx)).collect();
    if used.is_empty() { snapshot.newest_views() } else { used }
}

fn table(page: &mut Html, records: &[EvidenceRecord]) {
    page.raw("<div class=\"scroll\">\n<table>\n<thead><tr><th>what</th><th>part</th><th>camera</th><th>place</th>");
    page.raw(
        "<th>one standard deviation</th><th>size</th><th class=\"number\">pixels</th><th class=\"number\">score</th>",
    );
    page.raw("<th>measured</th><th>method</th></tr></thead>\n<tbody>\n");
    for record in records {
        let (at, size) = (&record.place.position_m, &record.size_m);
        page.between("<tr><td>", &record.id, "</td>").between("<td>", &record.role, "</td>");
        page.between("<td>", &record.camera, "</td>");
        page.between(
            "<td>",
            format!("({:.3}, {:.3}, {:.3}) m in {}", at.x.0, at.y.0, at.z.0, record.place.frame),
            "</td>",
        );
        page.between("<td>", deviations(&record.place), "</td>");
        let has_size = size.x.0 > 0.0 || size.y.0 > 0.0 || size.z.0 > 0.0;
        let size =
            if has_size { format!("{:.3} × {:.3} × {:.3} m", size.x.0, size.y.0, size.z.0) } else { String::new() };
        page.between("<td>", size, "</td>").between("<td class=\"number\">", record.n_pixels, "</td>");
        page.between("<td class=\"number\">", format!("{:.2}", record.score.0), "</td>");
        page.between("<td>", record.quantity.as_ref().map_or("", |quantity| quantity.text.as_str()), "</td>");
        page.between("<td>", &record.method, "</td></tr>\n");
    }
    page.raw("</tbody>\n</table>\n</div>\n");
}

/// A picture that stands in the page itself.
fn figure(page: &mut Html, image: &RgbImage, caption: &str) {
    if let Ok(jpeg) = jpeg(image, JPEG_QUALITY) {
        picture(page, &STANDARD.encode(jpeg), image.dimensions(), caption);
    }
}

/// Pictures that a cell showed.
pub(super) fn shown(page: &mut Html, recorded: &Recorded, pictures: &[PictureRefRecord]) {
    page.raw("<div class=\"wide\">\n");
    for reference in pictures {
        match recorded.pictures.get(&reference.sha256).filter(|found| is_jpeg(&found.data)) {
            Some(found) => picture(page, &found.data, (found.width_px, found.height_px), &reference.label),
            None => {
                page.between(
                    "<p class=\"soft\">",
                    format!("{} (the picture is not in the file)", reference.label),
                    "</p>\n",
                );
            }
        }
    }
    page.raw("</div>\n");
}

fn picture(page: &mut Html, base64: &str, (width_px, height_px): (u32, u32), caption: &str) {
    page.raw("<figure>\n<img src=\"data:image/jpeg;base64,").text(base64).raw("\"");
    page.attribute("width", width_px).attribute("height", height_px).attribute("alt", caption).raw(">\n");
    page.between("<figcaption>", caption, "</figcaption>\n</figure>\n");
}

/// The page says that its pictures are JPEGs, so it holds nothing else.
fn is_jpeg(base64: &str) -> bool {
    STANDARD.decode(base64).is_ok_and(|bytes| bytes.starts_with(&[0xFF, 0xD8, 0xFF]))
}
