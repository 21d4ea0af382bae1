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
  std::pair<size_t, size_t> size() const; // services, checks
  std::map<std::string, std::string> node_meta() const; // as configured; a reload changes it

  // The agent's side; null removes.
  void put_service(const std::string& id, service_ptr s);
  void put_check(const std::string& id, check_ptr c);
  void put_node_meta(std::map<std::string, std::string> meta);

private:
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::string> node_meta_;
  std::map<std::string, service_ptr, std::less<>> services_;
  std::map<std::string, check_ptr, std::less<>> checks_;
  std::map<std::string, std::map<std::string, check_ptr, std::less<>>, std::less<>> by_service_;
};

// The AgentService shape of /v1/agent/services; with ContentHash when `hash` is not empty.
void agent_service_json(std::string& out, const node_service& s, std::string_view hash = {});

} // namespace actord
