//! Full names of topics, after namespace and remapping, as rcl makes them.
//!
//! rcl applies the same rules when a subscription is created, but does not say what came of it. The names are wanted in messages,
//! and for the suffix that a transport puts behind the *remapped* name.

/// Resolves names for one node.
#[derive(Clone, Debug, Default)]
pub struct TopicNames {
    namespace: String,
    node: String,
    /// From, to; both full.
    rules: Vec<(String, String)>,
}

impl TopicNames {
    /// For the node `node` in `namespace` (such as `/` or `/robot`), with the remapping rules among the process's arguments.
    pub fn new(namespace: &str, node: &str, args: impl IntoIterator<Item = String>) -> TopicNames {
        let mut names = TopicNames {
            namespace: namespace.trim_end_matches('/').to_owned(),
            node: node.to_owned(),
            rules: Vec::new(),
        };
        let mut args = args.into_iter().skip_while(|arg| arg != "--ros-args");
        while let Some(arg) = args.next() {
            if (arg == "-r" || arg == "--remap")
                && let Some(rule) = args.next().and_then(|rule| names.rule(&rule))
            {
                names.rules.push(rule);
            }
        }
        names
    }

    /// The full name that `topic` stands for.
    pub fn resolve(&self, topic: &str) -> String {
        let full = self.expand(topic);
        let rule = self.rules.iter().find(|(from, _)| *from == full);
        rule.map_or(full, |(_, to)| to.clone())
    }

    /// `[NODE:]FROM:=TO`; `None` for rules of another node and for those that rename nodes.
    fn rule(&self, rule: &str) -> Option<(String, String)> {
        let (from, to) = rule.split_once(":=")?;
        let from = match from.split_once(':') {
            Some((node, from)) if node == self.node => from,
            Some(("rostopic", from)) => from.trim_start_matches('/'),
            Some(_) => return None,
            None => from,
        };
        (!from.starts_with("__")).then(|| (self.expand(from), self.expand(to)))
    }

    fn expand(&self, topic: &str) -> String {
        let TopicNames { namespace, node, .. } = self;
        match (topic.strip_prefix("~/"), topic.starts_with('/')) {
            (Some(private), _) => format!("{namespace}/{node}/{private}"),
            (None, true) => topic.to_owned(),
            (None, false) => format!("{namespace}/{topic}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(namespace: &str, line: &str, topic: &str) -> String {
        TopicNames::new(namespace, "spatialclaw", line.split_whitespace().map(str::to_owned)).resolve(topic)
    }

    #[test]
    fn names_are_relative_absolute_or_private() {
        assert_eq!(resolved("/", "node", "camera/image"), "/camera/image");
        assert_eq!(resolved("/robot", "node", "camera/image"), "/robot/camera/image");
        assert_eq!(resolved("/robot", "node", "/camera/image"), "/camera/image");
        assert_eq!(resolved("/robot", "node", "~/image"), "/robot/spatialclaw/image");
    }

    #[test]
    fn remapping_rules_are_followed() {
        let check = |line: &str, expected: &str| assert_eq!(resolved("/robot", line, "camera/image"), expected);
        check("node --ros-args -r camera/image:=/front/rgb", "/front/rgb");
        check("node --ros-args --remap camera/image:=front/rgb", "/robot/front/rgb");
        check("node --ros-args -r /robot/camera/image:=a -r camera/image:=b", "/robot/a");
        check("node --ros-args -r spatialclaw:camera/image:=a", "/robot/a");
        check("node --ros-args -r other:camera/image:=a", "/robot/camera/image");
        check("node --ros-args -r __node:=x -r __ns:=/y", "/robot/camera/image");
        check("node -r camera/image:=a", "/robot/camera/image");
    }
}
