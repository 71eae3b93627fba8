//! Who publishes the topics that are listened to, and why a publisher is not heard.
//!
//! r2r reports no QoS events: a publisher whose QoS or type does not fit is silence. The graph tells it apart from no publisher.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use r2r::{
    Node,
    qos::{DurabilityPolicy, QosProfile, ReliabilityPolicy},
};

/// A topic that is listened to.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedTopic {
    /// Full name.
    pub name: String,
    /// Type listened for, such as `sensor_msgs/msg/Image`.
    pub type_name: &'static str,
    /// Best-effort publishers are not heard.
    pub needs_reliable: bool,
    /// Publishers that do not latch are not heard.
    pub needs_latched: bool,
}

/// What is offered on a topic.
#[derive(Clone, Debug, PartialEq)]
struct Offer {
    node: String,
    type_name: String,
    qos: QosProfile,
}

/// What is wrong with the publishers of each watched topic; shared between the thread that owns the node and diagnostics.
#[derive(Clone, Debug, Default)]
pub struct PublisherBoard(Arc<Mutex<BTreeMap<String, String>>>);

impl PublisherBoard {
    /// Looks at the graph. Cheap enough for once in some seconds.
    pub fn look(&self, node: &Node, watched: &[WatchedTopic]) {
        for topic in watched {
            let Ok(found) = node.get_publishers_info_by_topic(&topic.name, false) else { continue };
            let offers: Vec<Offer> = found
                .into_iter()
                .map(|info| Offer {
                    node: format!("{}/{}", info.node_namespace.trim_end_matches('/'), info.node_name),
                    type_name: info.topic_type,
                    qos: info.qos_profile,
                })
                .collect();
            let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match unheard(topic, &offers) {
                Some(reason) => board.insert(topic.name.clone(), reason),
                None => board.remove(&topic.name),
            };
        }
    }

    /// Why nothing can be heard on a topic; `None` when a publisher fits, or nobody has looked yet.
    pub fn reason(&self, topic: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(topic).cloned()
    }
}

/// Why no publisher of `topic` is heard.
fn unheard(topic: &WatchedTopic, offers: &[Offer]) -> Option<String> {
    let WatchedTopic { name, type_name, .. } = topic;
    let mut reasons = Vec::new();
    for offer in offers {
        let node = &offer.node;
        if offer.type_name != *type_name {
            reasons.push(format!("{node} publishes {} there, expected {type_name}", offer.type_name));
        } else if topic.needs_reliable && offer.qos.reliability == ReliabilityPolicy::BestEffort {
            reasons.push(format!("{node} publishes best effort, expected reliable"));
        } else if topic.needs_latched && offer.qos.durability == DurabilityPolicy::Volatile {
            reasons.push(format!("{node} publishes volatile, expected latched (transient local)"));
        } else {
            return None;
        }
    }
    match reasons.is_empty() {
        true => Some(format!("nobody publishes \"{name}\"")),
        false => Some(format!("no publisher of \"{name}\" is heard: {}", reasons.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "sensor_msgs/msg/Image";

    fn check(needs_reliable: bool, needs_latched: bool, offers: &[(&str, QosProfile)], expected: Option<&str>) {
        let topic = WatchedTopic { name: "/a".to_owned(), type_name: IMAGE, needs_reliable, needs_latched };
        let offers: Vec<Offer> = offers
            .iter()
            .map(|(type_name, qos)| Offer {
                node: "/n".to_owned(),
                type_name: (*type_name).to_owned(),
                qos: qos.clone(),
            })
            .collect();
        assert_eq!(unheard(&topic, &offers).as_deref(), expected);
    }

    #[test]
    fn a_publisher_that_fits_is_heard_whatever_others_do() {
        let reliable = QosProfile::default();
        check(false, false, &[(IMAGE, QosProfile::sensor_data())], None);
        check(true, false, &[(IMAGE, QosProfile::sensor_data()), (IMAGE, reliable.clone())], None);
        check(true, true, &[(IMAGE, reliable.transient_local())], None);
    }

    #[test]
    fn silence_has_a_reason() {
        check(false, false, &[], Some("nobody publishes \"/a\""));
        check(
            true,
            false,
            &[(IMAGE, QosProfile::sensor_data())],
            Some("no publisher of \"/a\" is heard: /n publishes best effort, expected reliable"),
        );
        check(
            true,
            true,
            &[(IMAGE, QosProfile::default())],
            Some("no publisher of \"/a\" is heard: /n publishes volatile, expected latched (transient local)"),
        );
        check(
            false,
            false,
            &[("std_msgs/msg/String", QosProfile::default())],
            Some(
                "no publisher of \"/a\" is heard: /n publishes std_msgs/msg/String there, expected sensor_msgs/msg/Image",
            ),
        );
    }
}
