//! `unique_identifier_msgs/UUID`.

use r2r::unique_identifier_msgs::msg::UUID;

use crate::ros::goal_table::GoalId;

/// The goal a message names; zero when the array has a wrong length.
pub fn goal_id(uuid: &UUID) -> GoalId {
    uuid.uuid.as_slice().try_into().unwrap_or_default()
}

/// A goal's id as a message.
pub fn uuid_msg(id: &GoalId) -> UUID {
    UUID { uuid: id.to_vec() }
}

/// A goal's id as 32 hexadecimal digits.
pub fn hex(id: &GoalId) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_every_byte_both_ways() {
        let id: GoalId = std::array::from_fn(|i| i as u8 + 0xf0);
        assert_eq!(goal_id(&uuid_msg(&id)), id);
        assert_eq!(hex(&id), "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        assert_eq!(goal_id(&UUID { uuid: vec![1] }), GoalId::default());
    }
}
