// A snapshot that asks before each piece: it is the same as one that does not, while others write, and an error of the disk ends it.
#include "fixture.hpp"
#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>

using namespace actord;
using namespace actord::test;
namespace fs = std::filesystem;

namespace {

void fill(store_fixture& f, int keys) {
  const std::string value(900, 'v');
  for (int i = 0; i < keys; ++i) f.kv("set", "k/" + std::to_string(i), value + std::to_string(i));
}

} // namespace

TEST_CASE("a copy in turns asks for all of its bytes, waits for the disk, and holds one moment") {
  store_fixture f;
  fill(f, 3000);
  const auto at = f.store->applied_index();
  uint64_t asked = 0, there = 0, turns = 0;
  const auto written = f.store->write_snapshot([&](uint64_t on_disk, uint64_t next) {
    CHECK(on_disk >= there);
    CHECK(on_disk <= asked);
    CHECK(asked - on_disk <= 2 << 20); // what the disk has yet to take
    there = on_disk;
    asked += next;
    if (++turns % 4 == 1) f.kv("set", "k/1", "changed meanwhile"); // the copy is of before
  });
  REQUIRE(written.ok());
  CHECK(*written == at);
  CHECK(turns > 4);
  CHECK(asked == fs::file_size(f.store->snapshot_path()));
  CHECK(f.store->verify_snapshot().ok());
  CHECK(f.store->applied_index() > at);
}

TEST_CASE("a copy in turns that the disk refuses is an error, and nothing is left of it") {
  const auto child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    bool good = false;
    {
      store_fixture f;
      fill(f, 3000);
      const rlimit limit{1 << 20, RLIM_INFINITY}, none{RLIM_INFINITY, RLIM_INFINITY};
      good = ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
      auto refused = f.store->write_snapshot([](uint64_t, uint64_t) {});
      good = good && !refused && refused.err().code == errc::storage_full && !fs::exists(f.folder.path + "/state/snapshot.tmp");
      good = good && ::setrlimit(RLIMIT_FSIZE, &none) == 0 && f.store->write_snapshot([](uint64_t, uint64_t) {}).ok() && !f.store->is_damaged();
    }
    ::_exit(good ? 0 : 1);
  }
  int state = 0;
  ::waitpid(child, &state, 0);
  CHECK((WIFEXITED(state) && WEXITSTATUS(state) == 0));
}
