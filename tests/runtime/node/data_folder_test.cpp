// What a server finds in its data directory and must not take for an empty one.
#include "runtime/node/damaged_log.hpp"
#include "runtime/node/damaged_state.hpp"
#include "runtime/node/data_folder.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <stdlib.h>

using namespace actord;
namespace fs = std::filesystem;

namespace {

struct folder {
  folder() {
    std::string pattern = (fs::temp_directory_path() / "actord-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
    fs::create_directories(path + "/raft");
    fs::create_directories(path + "/state");
  }
  ~folder() { fs::remove_all(path); }
  void put(const std::string& name) const { std::ofstream(path + "/" + name) << "x"; }
  std::string path;
};

} // namespace

TEST_CASE("the Raft log of HashiCorp's program is no empty directory") {
  folder f;
  CHECK(refuse_foreign_log(f.path + "/raft").ok());
  CHECK(refuse_foreign_log(f.path + "/none").ok());
  f.put("raft/raft.db");
  auto refused = refuse_foreign_log(f.path + "/raft");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.err().text.find(f.path + "/raft/raft.db is the Raft log of a HashiCorp Consul server") == 0);
  f.put("raft/data.mdb"); // begun with nothing by somebody who knew
  CHECK(refuse_foreign_log(f.path + "/raft").ok());
}

TEST_CASE("a mark that cannot be looked at is neither there nor absent") {
  folder f;
  REQUIRE(recovery_mark(f.path).ok());
  CHECK(recovery_mark(f.path)->empty());
  CHECK(*is_incomplete(f.path) == false);
  REQUIRE(mark_recovering(f.path, "why").ok());
  CHECK(*recovery_mark(f.path) == f.path + "/raft/recovering");
  fs::remove(f.path + "/raft/recovering");
  fs::create_directory(f.path + "/raft/recovering");
  CHECK_FALSE(recovery_mark(f.path).ok());
}
