// A start that cannot look at what is there: that is not the same as nothing, or as damage, which others would be asked to mend.
#include "fixture.hpp"
#include "tests/support/few_descriptors.hpp"
#include "storage/state/boot_mark.hpp"
#include <fstream>

using namespace actord;
using namespace actord::test;
namespace fs = std::filesystem;

namespace {

// A state whose log begins behind its snapshot.
struct with_snapshot : store_fixture {
  std::string path = folder.path + "/state";
  raft_index cut;
  with_snapshot() {
    kv("set", "a", "here");
    const auto written = store->write_snapshot();
    REQUIRE(written.ok());
    cut = *written;
    reading.reset();
    store.reset();
  }
  error refusal() const {
    auto opened = state_store::open({.path = path, .least_applied = cut, .most_applied = cut});
    REQUIRE_FALSE(opened.ok());
    return opened.err();
  }
  void still_whole() {
    auto opened = state_store::open({.path = path, .least_applied = cut, .most_applied = cut});
    REQUIRE_MESSAGE(opened.ok(), opened.err().text);
    CHECK((*opened)->applied_index() == cut);
  }
};

} // namespace

TEST_CASE("a state folder that cannot be listed is not taken for one without snapshots") {
  with_snapshot s;
  error e;
  {
    test::few_descriptors none;
    auto opened = state_store::open({.path = s.path, .least_applied = s.cut, .most_applied = s.cut});
    REQUIRE_FALSE(opened.ok());
    e = opened.err();
  }
  CHECK(e.code == errc::internal); // errc::corrupt: whoever opens it throws it away for what others have
  CHECK(e.text.find("too many open files") != std::string::npos);
  s.still_whole();
}

TEST_CASE("a mark that cannot be read is not taken for none") {
  with_snapshot s;
  fs::remove(s.path + "/run");
  fs::create_symlink("run", s.path + "/run");
  CHECK(s.refusal().code == errc::internal);
  fs::remove(s.path + "/run");
  std::ofstream(s.path + "/run").close();
  fs::resize_file(s.path + "/run", 100 << 20); // none of ours: nothing is trusted, and all is there again
  s.still_whole();
}

TEST_CASE("a snapshot that somebody removed does not count any more") {
  store_fixture f;
  f.kv("set", "a", "here");
  REQUIRE(f.store->write_snapshot().ok());
  REQUIRE(fs::remove(f.store->snapshot_path()));
  CHECK(f.store->verify_snapshot().err().code == errc::not_found);
  CHECK(f.store->snapshot_index() == raft_index{});
  CHECK(f.store->write_snapshot().ok());
  CHECK(f.store->verify_snapshot().ok());
}
