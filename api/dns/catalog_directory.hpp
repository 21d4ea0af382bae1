// The directory that the DNS core asks, over the replicated state. Belongs to one thread. Decoded instance lists are kept
// while the state's index says that they are still right, so that a busy name costs a hash lookup per question.
#pragma once
#include "actors/interfaces/status.hpp"
#include "api/dns/thread_directory.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/rpc_queries.hpp"
#include "storage/state/read_view.hpp"
#include <optional>
#include <utility>

namespace actord::dns {

class catalog_directory : public thread_directory {
public:
  catalog_directory(state_store& store, std::shared_ptr<const node_status> status);

  // Around each batch of questions: end_batch() gives the read transaction back.
  void begin_batch() override;
  void end_batch() override { view_.reset(); }
  void allow_stale(bool yes) override { allow_stale_ = yes; }

  endpoint_list instances(std::string_view service, bool connect) override;
  found_query prepared_query(std::string_view name, const query_source& by) override;
  std::shared_ptr<const node_facts> node(std::string_view name) override;
  std::string node_of_address(std::string_view address) override;
  std::string service_of_address(std::string_view address) override;
  bool can_answer() override;
  bool take_failure() override { return std::exchange(failed_, false); }

private:
  struct known_instances {
    endpoint_list list;
    uint64_t checked = 0; // applied index at which the list was last known to be right
    uint64_t index = 0;   // the service's index then
  };
  struct known_node {
    std::shared_ptr<const node_facts> facts;
    uint64_t checked = 0;
  };
  static constexpr size_t most_endpoints = 100000; // kept per thread; beyond, all is forgotten

  read_view& view();
  bool unread(); // the last look failed: nothing that it gave may be kept

  reader reader_;
  std::shared_ptr<const node_status> status_;
  std::optional<read_view> view_;
  uint64_t applied_ = 0;
  bool allow_stale_ = true, failed_ = false;
  table<known_instances> services_[2]; // plain, mesh-capable
  table<known_node> nodes_;
  size_t endpoints_ = 0;
};

// How DNS sees a catalog record.
node_facts facts_of(const node_record& n);
// False when the instance is critical, which DNS shows of prepared queries only.
bool endpoint_of(const check_service_node& c, endpoint& out);
// What a prepared query found, and what it is asked with.
directory::found_query found_by_query(const rpc::query_execute_reply& r);
rpc::query_execute_request question_of(std::string_view name, const directory::query_source& by);

} // namespace actord::dns
