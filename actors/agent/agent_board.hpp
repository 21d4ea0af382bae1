// What the local agent publishes for readers in other threads: its services and checks as they stand. The agent writes
// one record at a time; a reader copies shared pointers under a short lock and formats without it.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

struct node_service; struct health_check; // storage/model/catalog.hpp

class agent_board {
public:
  using service_ptr = std::shared_ptr<const node_service>;
  using check_ptr = std::shared_ptr<const health_check>;
  struct counts {
    size_t services = 0, checks = 0, ttl_checks = 0, script_checks = 0;
  };

  std::vector<service_ptr> services() const; // ascending by id
  std::vector<check_ptr> checks() const;     // ascending by id
  service_ptr service(const std::string& id) const; // null when there is none
  // The service's own checks and the node's: what /v1/agent/health/service looks at.
  std::vector<check_ptr> checks_for(const std::string& service_id) const;
  counts count() const;
  // How much a reader gets of the lists and, of one service, of itself and the checks that checks_for() gives.
  struct amount {
    size_t records = 0, bytes = 0;
  };
  amount much_services() const;
  amount much_checks() const;
  amount much_of(const std::string& service_id) const;
  std::map<std::string, std::string> node_meta() const; // as configured; a reload changes it

  // The agent's side; null removes.
  void put_service(const std::string& id, service_ptr s);
  void put_check(const std::string& id, check_ptr c);
  void put_node_meta(std::map<std::string, std::string> meta);

private:
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::string> node_meta_;
  template <class Record> struct records {
    using pointer = std::shared_ptr<const Record>;
    std::map<std::string, std::pair<pointer, size_t>, std::less<>> by_id; // with its weight
    size_t bytes = 0;                                                     // in all
    void put(const std::string& id, pointer r, size_t weight);
    std::vector<pointer> values() const;
    amount much() const { return {by_id.size(), bytes}; }
  };
  records<node_service> services_;
  records<health_check> checks_;
  std::map<std::string, records<health_check>, std::less<>> by_service_;
};

// The AgentService shape of /v1/agent/services; with ContentHash when `hash` is not empty.
void agent_service_json(std::string& out, const node_service& s, std::string_view hash = {});

} // namespace actord
