#include "api/cli/completion.hpp"
#include "api/cli/command.hpp"
#include <algorithm>
#include <set>

namespace actord::cli {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out(1);
  for (char c : text)
    if (c != ' ' && c != '\t') out.back() += c;
    else if (!out.back().empty()) out.emplace_back();
  return out; // the last is what is being typed, "" after a space
}

} // namespace

std::vector<std::string> completions(std::string_view typed) {
  auto words = words_of(typed);
  const auto begun = std::move(words.back());
  words.pop_back();
  const command* at = nullptr; // the command that the words before begin with
  std::string path;
  for (size_t i = 1; i < words.size() && (!at || !at->run); ++i) {
    const auto longer = path + (path.empty() ? "" : " ") + words[i];
    auto found = std::ranges::find(command_table(), longer, &command::path);
    if (found == command_table().end()) return {};
    at = &*found;
    path = longer;
  }
  std::set<std::string> out;
  auto offer = [&](std::string word) { if (word.starts_with(begun)) out.insert(std::move(word)); };
  if (at && at->run) {
    const auto flags = flags_of(*at);
    if (begun.starts_with('-'))
      for (auto& flag : flags.specs()) offer("-" + flag.name);
  } else if (!words.empty()) {
    const auto prefix = path.empty() ? "" : path + " ";
    for (auto& c : command_table())
      if (c.path.starts_with(prefix))
        if (auto rest = c.path.substr(prefix.size()); rest.find(' ') == rest.npos) offer(std::string(rest));
  }
  return {out.begin(), out.end()};
}

} // namespace actord::cli
