#include "owner/bosh.h"

#include <algorithm>
#include <array>

namespace sockdog {

namespace {

/// BOSH installs a job's templates to data/jobs/JOB/HASH and links jobs/JOB there; the kernel tells resolved
/// paths.
constexpr std::array<std::string_view, 2> kJobRoots{"/var/vcap/jobs/", "/var/vcap/data/jobs/"};
constexpr std::array<std::string_view, 2> kPackageRoots{"/var/vcap/packages/", "/var/vcap/data/packages/"};
/// bpm's bundle of a process, BUNDLES/JOB/PROCESS/rootfs (bpm-release, src/bpm/config).
constexpr std::string_view kBundles = "/var/vcap/data/bpm/bundles/";

/// Names of jobs and processes: letters, digits, '_', '-' and '.'; anything else ends them.
std::string_view leading_name(std::string_view text) {
    const auto is_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '.';
    };
    const auto size = static_cast<std::size_t>(std::ranges::find_if_not(text, is_name) - text.begin());
    const std::string_view name = text.substr(0, size);
    return name == "." || name == ".." ? std::string_view{} : name;
}

template <std::size_t N>
bool is_below(std::string_view path, const std::array<std::string_view, N>& roots) {
    return std::ranges::any_of(roots, [&](std::string_view root) { return path.starts_with(root); });
}

/// "JOB/PROCESS/..." as it follows kBundles.
std::optional<BoshNames> parse_bundle(std::string_view rest) {
    const std::string_view job = leading_name(rest);
    if (job.empty() || !rest.substr(job.size()).starts_with('/')) return std::nullopt;
    const std::string_view process = leading_name(rest.substr(job.size() + 1));
    if (process.empty()) return std::nullopt;
    return BoshNames{std::string(job), std::string(process)};
}

/// A path that stands anywhere in `text`, as in "--config=/var/vcap/jobs/JOB/config/x.yml".
std::optional<BoshNames> find_in(std::string_view text) {
    if (const auto at = text.find(kBundles); at != std::string_view::npos) {
        return parse_bundle(text.substr(at + kBundles.size()));
    }
    for (const std::string_view root : kJobRoots) {
        const auto at = text.find(root);
        if (at == std::string_view::npos) continue;
        const std::string_view job = leading_name(text.substr(at + root.size()));
        if (!job.empty()) return BoshNames{std::string(job), {}};
    }
    return std::nullopt;
}

std::optional<unsigned char> parse_hex_byte(std::string_view text) {
    if (text.size() < 2) return std::nullopt;
    unsigned value = 0;
    for (const char c : text.substr(0, 2)) {
        static constexpr std::string_view kDigits = "0123456789abcdef";
        const auto digit = kDigits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        value = value * 16 + static_cast<unsigned>(digit);
    }
    return static_cast<unsigned char>(value);
}

}  // namespace

// bpm-release, src/bpm/jobid/encoding.go: "bpm-", then JOB, or JOB.PROCESS where the two differ; bytes other
// than letters, digits, '_' and '-' are written as ".xx". bpm before 1.0 used base32, which nothing tells
// from other names: not read.
std::optional<BoshNames> parse_bpm_id(std::string_view component) {
    constexpr std::string_view kPrefix = "bpm-";
    constexpr std::string_view kScope = ".scope";  // with runc's systemd driver
    if (!component.starts_with(kPrefix)) return std::nullopt;
    component.remove_prefix(kPrefix.size());
    if (component.ends_with(kScope)) component.remove_suffix(kScope.size());
    std::string name;
    while (!component.empty()) {
        std::size_t used = 1;
        char byte = component.front();
        if (byte == '.') {
            const auto decoded = parse_hex_byte(component.substr(1));
            if (!decoded) return std::nullopt;
            byte = static_cast<char>(*decoded);
            used = 3;
        }
        name += byte;
        component.remove_prefix(used);
    }
    if (leading_name(name).size() != name.size() || name.empty()) return std::nullopt;
    const auto dot = name.find('.');
    if (dot == std::string::npos) return BoshNames{name, name};
    if (dot == 0 || dot + 1 == name.size()) return std::nullopt;
    return BoshNames{name.substr(0, dot), name.substr(dot + 1)};
}

std::optional<BoshNames> find_bosh_names(std::string_view executable,
                                         std::span<const std::string> arguments) {
    if (executable.starts_with(kBundles) || is_below(executable, kJobRoots)) return find_in(executable);
    if (is_below(executable, kPackageRoots)) {
        // A package is not a job (nginx is in many), but what a job starts is told where its configuration
        // is.
        for (const std::string& argument : arguments) {
            if (auto names = find_in(argument)) return names;
        }
        return std::nullopt;
    }
    // A script of the job, run by the host's own interpreter: "bash /var/vcap/jobs/JOB/bin/ctl start". Only
    // as the program: "tail -f /var/vcap/jobs/JOB/..." and an editor are not the job.
    static constexpr std::array<std::string_view, 12> kInterpreters{
        "sh",      "bash", "dash", "ruby", "python", "python2",
        "python3", "perl", "node", "java", "env",    "busybox"};
    const std::string_view base = executable.substr(executable.rfind('/') + 1);
    const bool interpreted = std::ranges::any_of(kInterpreters, [&](std::string_view name) {
        // "python3.11" and "ruby3.1" are the same interpreters.
        return base.starts_with(name) &&
               base.find_first_not_of("0123456789.-", name.size()) == std::string_view::npos;
    });
    if (!interpreted || arguments.size() < 2 || !is_below(arguments[1], kJobRoots)) return std::nullopt;
    return find_in(arguments[1]);
}

}  // namespace sockdog
