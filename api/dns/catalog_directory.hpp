// The directory that the DNS core asks, over the replicated state. Belongs to one thread. Decoded instance lists are kept
// while the state's index says that they are still right, so that a busy name costs a hash lookup per question.
#pragma once
#include "actors/interfaces.hpp"
#include "api/dns/core/answer.hpp"
#include "storage/state/read_view.hpp"
#include <chrono>
#include <optional>
#include <unordered_map>

namespace actord::dns {

class catalog_directory : public directory {
public:
  catalog_directory(state_store& store, std::shared_ptr<const node_status> status);

  // Around each batch of questions: end_batch() gives the read transaction back.
  void begin_batch();
  void end_batch() { view_.reset(); }
  void allow_stale(bool yes) { allow_stale_ = yes; }

  // What recursors said; believed for a second, so that the answer that waited for it can be written.
  void remember(const std::string& wire_name, std::vector<foreign_record> records);
  // Names that are still unknown count as having no records from here on: an answer asked for too many.
  void stop_resolving(bool yes) { stop_resolving_ = yes; }

  endpoint_list instances(std::string_view service, bool connect) override;
  std::shared_ptr<const node_facts> node(std::string_view name) override;
  std::string node_of_address(std::string_view address) override;
  std::string service_of_address(std::string_view address) override;
  bool can_answer() override;
  const std::vector<foreign_record>* resolved(std::string_view wire_name) override;

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
  struct known_name {
    std::vector<foreign_record> records;
    std::chrono::steady_clock::time_point expires;
  };
  struct text_hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  template <class T> using table = std::unordered_map<std::string, T, text_hash, std::equal_to<>>;
  static constexpr size_t most_endpoints = 100000, most_names = 4096; // kept per thread; beyond, all is forgotten

  read_view& view();

  reader reader_;
  std::shared_ptr<const node_status> status_;
  std::optional<read_view> view_;
  uint64_t applied_ = 0;
  bool allow_stale_ = true, stop_resolving_ = false;
  table<known_instances> services_[2]; // plain, mesh-capable
  table<known_node> nodes_;
  table<known_name> foreign_;
  size_t endpoints_ = 0;
};

// How DNS sees a catalog record.
node_facts facts_of(const node_record& n);
// False when the instance is critical, which DNS never shows.
bool endpoint_of(const check_service_node& c, endpoint& out);

} // namespace actord::dns
