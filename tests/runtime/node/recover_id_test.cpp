// The id of a server that has lost its file, from what its Raft log says of the members.
#include "runtime/node/recover_id.hpp"
#include "actors/raft/core/wire.hpp"
#include "runtime/base/files.hpp"
#include "storage/raft_log/vote_file.hpp"
#include <doctest/doctest.h>
#include <filesystem>

using namespace actord;
namespace fs = std::filesystem;

namespace {

constexpr const char *one = "11111111-1111-1111-1111-111111111111", *two = "22222222-2222-2222-2222-222222222222";

struct server {
  std::string path;
  node_config config;
  server() {
    path = (fs::temp_directory_path() / "recover-id-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    REQUIRE(make_folder(path + "/raft").ok());
    REQUIRE(replace_file(path + "/raft/data.mdb", "a log").ok());
    config.server = true;
    config.data_dir = path;
    config.rpc_advertise.host = "10.0.0.1";
    config.rpc_advertise.port = 8300;
  }
  ~server() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  // What is put into the file node-id when the log knows of these members.
  std::string found(const raft::membership& m) {
    vote_record r;
    stored_log_record entry;
    entry.index = raft_index{1};
    raft::encode(m, entry.payload);
    r.members.push_back(std::move(entry));
    REQUIRE(write_vote(path + "/raft", r).ok());
    fs::remove(path + "/node-id");
    string_list warnings;
    REQUIRE(recover_id(config, path, warnings).ok());
    CHECK(warnings.size() == 1);
    const auto id = read_file(path + "/node-id", 100);
    REQUIRE(id.ok());
    return id->value_or("");
  }
};

} // namespace

TEST_CASE("a server that lost its id is the member at its address") {
  server s;
  raft::membership m;
  m.voters = {one, two};
  m.addresses = {{one, "10.0.0.2:8300"}, {two, "10.0.0.1:8300"}};
  CHECK(s.found(m) == two);
  m.voters = {one};
  m.learners = {two};
  CHECK(s.found(m) == two);
}

TEST_CASE("two members at one address: whose the id is that another server brought there is not known") {
  server s;
  raft::membership m;
  m.voters = {one, two};
  m.addresses = {{one, "10.0.0.1:8300"}, {two, "10.0.0.1:8300"}};
  CHECK(s.found(m) == "");
}

TEST_CASE("an address of who is no member any more says nothing") {
  server s;
  raft::membership m;
  m.voters = {two};
  m.addresses = {{one, "10.0.0.1:8300"}, {two, "10.0.0.2:8300"}};
  CHECK(s.found(m) == "");
}
