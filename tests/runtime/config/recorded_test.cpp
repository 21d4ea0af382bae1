// Replays what the real Consul said about a few hundred small files.
#include "runtime/config/loader.hpp"
#include "tests/support/tests_folder.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

using namespace actord;

namespace {

struct recording {
  std::string format, file, printed;
};

std::vector<recording> recordings() {
  std::ifstream in(actord::test::tests_folder() + "/runtime/config/recorded_validations.txt");
  std::vector<recording> out;
  std::string line;
  bool printed = false;
  while (std::getline(in, line)) {
    if (line.starts_with("=== ")) {
      out.push_back({line.substr(4), "", ""});
      printed = false;
    } else if (line == "--- printed") {
      // A backslash before this line says that the file's last line had no end.
      if (auto& f = out.back().file; f.ends_with("\\\n")) f.resize(f.size() - 2);
      printed = true;
    } else if (!out.empty()) {
      (printed ? out.back().printed : out.back().file) += line + "\n";
    }
  }
  return out;
}

std::string validated(const std::string& path) {
  host_facts host;
  host.hostname = "vm";
  host.interfaces = {{"lo", "127.0.0.1", true, true}, {"eth0", "192.0.2.2", true, false}, {"eth0", "fd00::2", true, false}};
  host.max_open_files = 20000;
  load_request request;
  request.paths = {path};
  request.starting = false;
  auto loaded = load(request, host);
  if (!loaded) return "Config validation failed: " + loaded.err().text + "\n";
  std::string out;
  for (auto& w : loaded->warnings)
    if (!w.ends_with("has no effect yet") && !w.ends_with("and is ignored") && w.find("but has no effect") == std::string::npos) out += w + "\n";
  return out + "Configuration is valid!\n";
}

// The recordings name a data directory that was not there. This one is nowhere, and as long: messages name columns.
std::string elsewhere(std::string text) {
  constexpr std::string_view recorded = "/tmp/x", absent = "/no/ne";
  static_assert(recorded.size() == absent.size());
  for (auto at = text.find(recorded); at != std::string::npos; at = text.find(recorded, at)) text.replace(at, recorded.size(), absent);
  return text;
}

} // namespace

TEST_CASE("validate prints what Consul 1.8.7 prints") {
  std::string folder = (std::filesystem::temp_directory_path() / "config-test-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()));
  const auto all = recordings();
  CHECK(all.size() > 250);
  for (auto& r : all) {
    const auto path = folder + "/F." + r.format;
    std::ofstream(path, std::ios::binary) << elsewhere(r.file);
    auto got = validated(path);
    for (auto at = got.find(path); at != std::string::npos; at = got.find(path)) got.replace(at, path.size(), "F");
    CAPTURE(r.file);
    CHECK(got == elsewhere(r.printed));
  }
  std::filesystem::remove_all(folder);
}
