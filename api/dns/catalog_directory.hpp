// The directory that the DNS core asks, over the replicated state. Belongs to one thread. Decoded instance lists are kept
// while the state's index says that they are still right, so that a busy name costs a hash lookup per question. A list of many instances is made
// in another thread; questions that need it wait, and others do not.
#pragma once
#include "actors/interfaces/status.hpp"
#include "api/dns/instance_list.hpp"
#include "api/dns/thread_directory.hpp"
#include "runtime/net/io_loop.hpp"
#include "storage/model/rpc_queries.hpp"
#include <array>
#include <atomic>
#include <functional>
#include <optional>
#include <utility>

namespace actord::dns {

class catalog_directory : public thread_directory {
public:
  // `loop` is the thread's; without `elsewhere` every list is made in it.
  catalog_directory(state_store& store, std::shared_ptr<const node_status> status, net::io_loop& loop, long_reads* elsewhere);

  // Around each batch of questions: end_batch() gives the read transaction back.
  void begin_batch() override;
  void end_batch() override { view_.reset(); }
  void begin_question(uint64_t source, std::optional<uint64_t> as_of) override;
  uint64_t as_of() const override { return as_of_; }
  void when_made(made_function f) override;
  void allow_stale(bool yes) override { allow_stale_ = yes; }

  endpoint_list instances(std::string_view service, bool connect) override;
  found_query prepared_query(std::string_view name, const query_source& by) override;
  std::shared_ptr<const node_facts> node(std::string_view name) override;
  std::string node_of_address(std::string_view address) override;
  std::string service_of_address(std::string_view address) override;
  bool can_answer() override;
  bool take_failure() override { return std::exchange(failed_, false); }
  bool take_lack() override { return std::exchange(lacks_, false); }

private:
  enum kind : uint8_t { plain, mesh, by_query, kinds };
  struct making { // a list, elsewhere
    kind of;
    std::string key;
    list_wanted wanted;
    std::atomic<bool> begun{false};
    std::vector<uint64_t> sources; // in whose lines it waits to be made
    std::vector<made_function> waiting;
  };
  struct known_list {
    instance_list now; // no list: none is known
    uint64_t checked = 0; // applied index at which it was last known to be right
    net::io_loop::clock::time_point sorted{};
    bool is_long = false;
    std::shared_ptr<making> under_way;
  };
  struct known_query {
    std::shared_ptr<const actord::prepared_query> query; // null: there is none
    std::string key;                             // of what it finds, the same for all that find the same
    uint64_t checked = 0, index = 0;             // the table's
  };
  struct known_node {
    std::shared_ptr<const node_facts> facts;
    uint64_t checked = 0;
  };
  static constexpr size_t most_endpoints = 100000; // kept per thread; beyond, the lists go that were not asked for
  static constexpr size_t made_here = 64;          // instances; beyond, or if it took longer, elsewhere the next time
  static constexpr nanos time_here = std::chrono::microseconds(500);

  read_view& view();
  bool unread(); // the last look failed: nothing that it gave may be kept
  const known_list* look(kind k, std::string_view key, const std::function<list_wanted()>& wanted);
  bool still_right(const known_list& l, const list_wanted& w);
  bool make_elsewhere(kind k, std::string_view key, list_wanted wanted);
  void wait_for(const std::shared_ptr<making>& m);
  bool submit(const std::shared_ptr<making>& m);
  void made(const std::shared_ptr<making>& m, instance_list found);
  known_list& keep(kind k, std::string_view key, instance_list found, uint64_t checked);
  void drop(known_list& l);
  const known_query* find_query(std::string_view name);

  reader reader_;
  std::shared_ptr<const node_status> status_;
  net::io_loop& loop_;
  long_reads* elsewhere_;
  std::optional<read_view> view_;
  uint64_t applied_ = 0;
  uint64_t as_of_ = 0;  // what the question has to be shown
  uint64_t source_ = 0; // who asks it
  bool allow_stale_ = true, failed_ = false, lacks_ = false;
  std::shared_ptr<making> lacking_; // what the question waits for
  std::array<kept_names<known_list>, kinds> lists_;
  kept_names<known_query> queries_{most_names};
  kept_names<known_node> nodes_{most_names};
  size_t endpoints_ = 0;
};

// What a prepared query found, and what it is asked with, at a server.
directory::found_query found_by_query(const rpc::query_execute_reply& r, long_reads* elsewhere);
rpc::query_execute_request question_of(std::string_view name, const directory::query_source& by);

} // namespace actord::dns
