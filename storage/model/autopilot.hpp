// The autopilot configuration.
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

struct autopilot_config {
  bool cleanup_dead_servers = false;
  nanos last_contact_threshold{0};
  uint64_t max_trailing_logs = 0;
  uint64_t min_quorum = 0;
  nanos server_stabilization_time{0};
  std::string redundancy_zone_tag;
  bool disable_upgrade_migration = false;
  std::string upgrade_version_tag;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const autopilot_config&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("CleanupDeadServers", s.cleanup_dead_servers);
    v("LastContactThreshold", s.last_contact_threshold);
    v("MaxTrailingLogs", s.max_trailing_logs);
    v("MinQuorum", s.min_quorum);
    v("ServerStabilizationTime", s.server_stabilization_time);
    v("RedundancyZoneTag", s.redundancy_zone_tag);
    v("DisableUpgradeMigration", s.disable_upgrade_migration);
    v("UpgradeVersionTag", s.upgrade_version_tag);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

} // namespace actord
