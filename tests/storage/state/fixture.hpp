// A store in a folder of its own that goes away with it, and one-line ways to apply commands.
#pragma once
#include "runtime/base/fields.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/kv_entry.hpp"
#include "storage/state/store.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <string>

namespace actord::test {

struct scratch_folder {
  std::string path;
  scratch_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "actord-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~scratch_folder() {
    std::error_code ec;
    std::filesystem::remove_all(path, ec);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
};

inline std::unique_ptr<state_store> open_store(const std::string& path) {
  auto s = state_store::open({.path = path});
  REQUIRE_MESSAGE(s.ok(), (s.ok() ? std::string() : s.err().text));
  return std::move(*s);
}

struct store_fixture {
  scratch_folder folder;
  std::unique_ptr<state_store> store = open_store(folder.path + "/state");
  std::unique_ptr<reader> reading = std::make_unique<reader>(*store);
  uint64_t next = 10; // index of the next command
  change_set changes; // of the last command

  void reopen() {
    reading.reset();
    store.reset();
    store = open_store(folder.path + "/state");
    reading = std::make_unique<reader>(*store);
  }
  apply_result run(const std::string& command) {
    std::vector<apply_result> results;
    log_command c{raft_index{next++}, command};
    auto r = store->apply({&c, 1}, results);
    REQUIRE(r.ok());
    changes = std::move(*r);
    REQUIRE(results.size() == 1);
    return results[0];
  }
  apply_result kv(std::string_view op, std::string_view key, std::string_view value = {}, uint64_t flags = 0, uint64_t cas = 0) {
    return run(encode_kv_command(op, key, value, flags, cas));
  }
  apply_result put(const register_request& r) { return run(encode_command(command_kind::catalog_register, r)); }
  apply_result drop(std::string node, std::string service = {}, std::string check = {}) {
    return run(encode_command(command_kind::catalog_deregister, deregister_request{"dc1", node, service, check, ""}));
  }
  bool touched(topic_kind kind, std::string_view key = {}) const {
    for (auto& t : changes.topics)
      if (t.kind == kind && t.key == key) return true;
    return false;
  }
  std::optional<kv_entry> get(std::string_view key, uint64_t* index = nullptr) {
    kv_entry e;
    query_meta m;
    bool found = reading->open().kv_get(key, e, m);
    if (index) *index = m.index;
    return found ? std::optional(e) : std::nullopt;
  }
};

inline register_request node_only(std::string name, std::string address = "10.0.0.1", std::string id = {}) {
  register_request r;
  r.datacenter = "dc1";
  r.node = std::move(name);
  r.address = std::move(address);
  r.id = std::move(id);
  return r;
}
inline register_request with_service(std::string node, std::string id, std::string name, string_slice tags = {}) {
  auto r = node_only(std::move(node));
  node_service s;
  s.id = std::move(id);
  s.service = std::move(name);
  s.tags = std::move(tags);
  s.port = 80;
  r.service = s;
  return r;
}
inline health_check check_of(std::string node, std::string id, std::string service_id = {}, std::string status = "passing") {
  health_check c;
  c.node = std::move(node);
  c.check_id = std::move(id);
  c.name = "a check";
  c.service_id = std::move(service_id);
  c.status = std::move(status);
  return c;
}

} // namespace actord::test
