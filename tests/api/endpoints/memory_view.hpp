// The twin of read_view in memory: a state as plain lists, and the same members over them. What is linked with it knows no database.
#pragma once
#include "storage/command/commands.hpp"
#include "storage/model/autopilot.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/coordinate.hpp"
#include "storage/model/kv_entry.hpp"
#include "storage/model/prepared_query.hpp"
#include "storage/model/session.hpp"
#include "storage/state/read_view.hpp"

namespace actord {

struct memory_state {
  std::vector<node_record> nodes;
  std::vector<std::pair<std::string, node_service>> services; // node, service
  std::vector<health_check> checks;
  std::vector<kv_entry> entries; // ascending by key
  std::vector<session_record> sessions;
  std::vector<prepared_query> queries; // no templates
  std::vector<coordinate_record> coordinates;
  std::optional<autopilot_config> autopilot;
  uint64_t index = 7; // of every table

  read_view open();
};

} // namespace actord
