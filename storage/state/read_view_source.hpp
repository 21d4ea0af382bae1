// What a view asks when the state is not here: one virtual function per call of read_view, with the same meaning. Each
// says by default that nothing is there.
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

class view_source {
public:
  virtual ~view_source() = default;
  virtual const error& failure() const { // read_view::failure
    static const error none;
    return none;
  }
  virtual bool kv_get(std::string_view, kv_entry&, query_meta&) { return false; }
  virtual void kv_list(std::string_view, query_meta&, const std::function<bool(const kv_entry&)>&) {}
  virtual std::vector<std::string> kv_keys(std::string_view, std::string_view, query_meta&) { return {}; }
  virtual std::vector<node_record> nodes(query_meta&) { return {}; }
  virtual std::optional<node_record> node(std::string_view, query_meta&) { return {}; }
  virtual std::optional<node_services> services_of_node(std::string_view, query_meta&) { return {}; }
  virtual std::map<std::string, std::vector<std::string>> services(query_meta&, const std::function<bool(const node_record&)>&) { return {}; }
  virtual std::vector<check_service_node> service_instances(std::string_view, query_meta&, bool, bool) { return {}; }
  virtual bool service_exists(std::string_view) { return false; }
  virtual std::vector<health_check> checks_of_node(std::string_view, query_meta&) { return {}; }
  virtual std::vector<health_check> checks_of_service(std::string_view, query_meta&) { return {}; }
  virtual std::vector<health_check> checks_in_state(std::string_view, query_meta&) { return {}; }
  virtual std::optional<node_record> node_by_address(std::string_view) { return {}; }
  virtual std::optional<service_node> service_by_address(std::string_view) { return {}; }
  virtual result<std::optional<session_record>> session(std::string_view, query_meta&) { return std::optional<session_record>(); }
  virtual std::vector<session_record> sessions(std::string_view, query_meta&) { return {}; }
  virtual std::vector<prepared_query> queries(query_meta&) { return {}; }
  virtual result<std::optional<prepared_query>> query(std::string_view, query_meta&) { return std::optional<prepared_query>(); }
  virtual result<std::optional<prepared_query>> resolve_query(std::string_view, std::string_view) { return std::optional<prepared_query>(); }
  virtual std::vector<coordinate_record> coordinates(std::string_view, query_meta&) { return {}; }
  virtual std::optional<autopilot_config> autopilot(query_meta&) { return {}; }
  virtual uint64_t kv_key_index(std::string_view) { return 0; }
  virtual uint64_t service_index(std::string_view) { return 0; }
  virtual uint64_t table_index(std::string_view) { return 0; }
  virtual txn_response read_txn(const txn_request&) { return {}; }
};

} // namespace actord
