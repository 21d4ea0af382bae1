#include "runtime/telemetry/log_sinks.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace actord;
namespace fs = std::filesystem;

namespace {
struct temporary_folder {
  fs::path path;
  temporary_folder() {
    auto text = (fs::temp_directory_path() / "actord-log-XXXXXX").string();
    REQUIRE(::mkdtemp(text.data()) != nullptr);
    path = text;
  }
  ~temporary_folder() { fs::remove_all(path); }
  size_t files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator{})); }
};
} // namespace

TEST_CASE("a file rotates by size and old ones are deleted") {
  temporary_folder t;
  auto id = telemetry::add_file_sink(log::level::info, true, {.path = (t.path / "my.log").string(), .rotate_bytes = 200, .max_files = 3});
  REQUIRE(id.ok());
  for (int i = 0; i < 40; ++i) log::info("agent", "line {} of text", i);
  log::remove_sink(*id);
  CHECK(t.files() == 3);
  for (auto& f : fs::directory_iterator(t.path)) {
    auto name = f.path().filename().string();
    CHECK(name.starts_with("my-"));
    CHECK(name.ends_with(".log"));
    CHECK(fs::file_size(f.path()) < 400);
  }
}

TEST_CASE("a folder as path gets files of its own name") {
  temporary_folder t;
  auto id = telemetry::add_file_sink(log::level::info, false, {.path = t.path.string() + "/sub/"});
  REQUIRE(id.ok());
  log::info("agent", "hello");
  log::remove_sink(*id);
  auto file = fs::directory_iterator(t.path / "sub")->path();
  CHECK(file.filename().string().starts_with("consul-"));
  std::string line;
  std::getline(std::ifstream(file) >> std::ws, line);
  CHECK(line.ends_with("[INFO]  agent: hello"));
}

TEST_CASE("a path that cannot be opened and a facility that is none are errors") {
  CHECK(!telemetry::add_file_sink(log::level::info, false, {.path = "/proc/none/x.log"}));
  CHECK(!telemetry::add_syslog_sink(log::level::info, "LOCAL9"));
}
