#include "callsite/native_names.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <sys/stat.h>

#include <cstring>

#include "callsite/go_lines.h"
#include "callsite/loaded_file.h"
#include "callsite/mappings.h"
#include "callsite/native_lines.h"
#include "callsite/process_file.h"

namespace sockdog {
namespace {

constexpr std::size_t kMostFrames = 64;
struct DwflEnd {
    void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
};

struct Module {
    Mapping first;
    std::uint64_t end = 0;
    Dwfl_Module* module = nullptr;

    bool operator==(const Module& other) const { return first == other.first && end == other.end; }
};

/// Read instead of mapped: whoever cut a file off while it is mapped would end this program by SIGBUS. What
/// only root can write is mapped after all, for debug information is large.
Elf* open_elf(int fd) {
    constexpr off_t kMostBytesRead = 256 << 20;
    struct stat status {};
    if (fstat(fd, &status) != 0) return nullptr;
    const bool is_of_root = status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    if (!is_of_root && status.st_size > kMostBytesRead) return nullptr;
    elf_version(EV_CURRENT);
    return elf_begin(fd, is_of_root ? ELF_C_READ_MMAP_PRIVATE : ELF_C_READ, nullptr);
}

/// Of neighbouring mappings of one file.
std::vector<Module> group(const std::vector<Mapping>& mappings) {
    std::vector<Module> modules;
    for (const Mapping& mapping : mappings) {
        if (!mapping.is_file()) continue;
        Module* last = modules.empty() ? nullptr : &modules.back();
        if (last && last->first.inode == mapping.inode && last->first.path == mapping.path &&
            mapping.offset != 0)
            last->end = mapping.end;
        else
            modules.push_back({mapping, mapping.end});
    }
    return modules;
}

}  // namespace

const std::vector<CallFrame>* NativeCache::find(const std::string& key) const {
    const auto found = frames_.find(key);
    return found == frames_.end() ? nullptr : &found->second;
}

void NativeCache::remember(const std::string& key, const std::vector<CallFrame>& frames) {
    constexpr std::size_t kMost = 65536;
    if (frames_.size() >= kMost) frames_.clear();
    frames_[key] = frames;
}

/// A program of Go, and its own table of lines.
struct GoProgram {
    LoadedFile file;
    std::optional<GoLines> lines;
};

struct NativeNames::Impl {
    ProcessId process;
    ProcRoot proc;
    std::filesystem::path debug_directory;
    NativeCache& cache;
    std::string executable;
    std::vector<Module> modules;
    std::unique_ptr<Dwfl, DwflEnd> dwfl;
    bool is_attached = false;
    std::unordered_map<Dwfl_Module*, bool> may_use;  // its debug information
    std::optional<GoProgram> go;
    bool was_looked_for_go = false;
    const CallStack* stack = nullptr;  // what is being unwound
    std::vector<std::uint64_t> addresses;

    Impl(ProcessId id, const ProcRoot& root, std::filesystem::path debug, NativeCache& shared)
        : process(id), proc(root), debug_directory(std::move(debug)), cache(shared) {
        executable = proc.executable(process.pid).value_or("");
        const auto maps = proc.read(process.pid, "maps");
        if (!maps) return;
        modules = group(parse_mappings(*maps));
        dwfl.reset(dwfl_begin(&callbacks()));
        if (dwfl) report();
    }

    void report() {
        dwfl_report_begin(dwfl.get());
        for (Module& module : modules) {
            module.module =
                dwfl_report_module(dwfl.get(), module.first.path.c_str(), module.first.start, module.end);
            void** data = nullptr;
            if (module.module &&
                dwfl_module_info(module.module, &data, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr))
                *data = this;
        }
        dwfl_report_end(dwfl.get(), nullptr, nullptr);
    }

    const Module* module_at(std::uint64_t address) const {
        for (const Module& module : modules)
            if (address >= module.first.start && address < module.end) return &module;
        return nullptr;
    }

    // What libdw asks for: the file of a module, and its separate debug file.
    static const Dwfl_Callbacks& callbacks() {
        static const Dwfl_Callbacks kCallbacks{.find_elf = find_elf,
                                               .find_debuginfo = find_debug_file,
                                               .section_address = nullptr,
                                               .debuginfo_path = nullptr};
        return kCallbacks;
    }
    static int find_elf(Dwfl_Module*, void** data, const char* name, Dwarf_Addr base, char** file,
                        Elf** elf) {
        const auto* self = static_cast<const Impl*>(*data);
        const Module* module = self ? self->module_at(base) : nullptr;
        if (!module) return -1;
        auto fd = open_mapped_file(self->proc, self->process, module->first);
        if (!fd) return -1;
        *elf = open_elf(fd->get());
        if (!*elf) return -1;
        *file = strdup(name);
        return fd->release();
    }
    static int find_debug_file(Dwfl_Module* module, void** data, const char*, Dwarf_Addr, const char*,
                               const char* link, GElf_Word, char** file) {
        const auto* self = static_cast<const Impl*>(*data);
        const std::string id = build_id(module);
        if (!self || id.size() < 4) return -1;
        // `link` with the same arguments also asks for what dwz moved out of several debug files.
        const std::string path =
            link && std::strstr(link, "/.dwz/")
                ? (self->debug_directory / ".dwz" / (std::strstr(link, "/.dwz/") + 6)).string()
                : (self->debug_directory / ".build-id" / id.substr(0, 2) / (id.substr(2) + ".debug"))
                      .string();
        if (path.find("/../") != std::string::npos) return -1;
        auto fd = open_regular(path);
        if (!fd) return -1;
        *file = strdup(path.c_str());
        return fd->release();
    }
    static std::string build_id(Dwfl_Module* module) {
        const unsigned char* bits = nullptr;
        GElf_Addr at = 0;
        const int bytes = dwfl_module_build_id(module, &bits, &at);
        std::string text;
        for (int i = 0; i < bytes && i < 64; i++) {
            text += "0123456789abcdef"[bits[i] >> 4];
            text += "0123456789abcdef"[bits[i] & 15];
        }
        return text;
    }

    /// Units whose content is in another file (-gsplit-dwarf), which libdw would open by its path.
    static bool is_split(Dwarf* dwarf) {
        constexpr int kMostUnits = 200'000;
        Dwarf_Off offset = 0;
        Dwarf_Off next = 0;
        std::size_t header = 0;
        for (int units = 0; dwarf_next_unit(dwarf, offset, &next, &header, nullptr, nullptr, nullptr, nullptr,
                                            nullptr, nullptr) == 0;
             units++) {
            Dwarf_Die die;
            if (units == kMostUnits) return true;
            if (dwarf_offdie(dwarf, offset + header, &die) &&
                (dwarf_hasattr(&die, DW_AT_dwo_name) || dwarf_hasattr(&die, DW_AT_GNU_dwo_name)))
                return true;
            offset = next;
        }
        return false;
    }

    bool may_use_dwarf(Dwfl_Module* module) {
        const auto known = may_use.find(module);
        if (known != may_use.end()) return known->second;
        return may_use[module] = refers_to_no_other_file(module);
    }

    /// A program's file that refers to another one by path would have libdw open whatever is there.
    bool refers_to_no_other_file(Dwfl_Module* module) const {
        Dwarf_Addr bias = 0;
        Dwarf* dwarf = dwfl_module_getdwarf(module, &bias);
        if (!dwarf) return false;
        const char* debug_file = nullptr;
        dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, &debug_file);
        if (debug_file && std::string_view(debug_file).starts_with(debug_directory.string())) return true;
        const char* name = nullptr;
        const void* id = nullptr;
        return dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id) <= 0 && !is_split(dwarf);
    }

    /// Null where the program is none of Go's.
    const GoProgram* go_program() {
        if (was_looked_for_go) return go ? &*go : nullptr;
        was_looked_for_go = true;
        const auto maps = proc.read(process.pid, "maps");
        if (!maps) return nullptr;
        for (const Mapping& mapping : parse_mappings(*maps)) {
            if (!mapping.executable || !mapping.is_file() || mapping.path != executable) continue;
            auto file = open_loaded_file(proc, process, mapping, true);
            if (!file) continue;
            if (auto lines = GoLines::parse(*file->elf))
                go = GoProgram{.file = std::move(*file), .lines = lines};
            break;
        }
        return go ? &*go : nullptr;
    }
    /// Go's table is there in stripped programs, too.
    void name_by_go(std::uint64_t address, std::vector<CallFrame>& frames) {
        const GoProgram* program = go_program();
        if (!program || address < program->file.bias) return;
        if (auto frame = program->lines->find(address - program->file.bias)) frames = {std::move(*frame)};
    }

    static pid_t next_thread(Dwfl*, void* data, void** thread) {
        auto* self = static_cast<Impl*>(data);
        if (*thread) return 0;
        *thread = self;
        return static_cast<pid_t>(self->stack->thread);
    }
    static bool read_memory(Dwfl*, Dwarf_Addr address, Dwarf_Word* word, void* data) {
        const CallStack& stack = *static_cast<Impl*>(data)->stack;
        const std::uint64_t at = address - stack.registers.sp;
        if (address < stack.registers.sp || stack.copy.size() < sizeof *word ||
            at > stack.copy.size() - sizeof *word)
            return false;
        std::memcpy(word, stack.copy.data() + at, sizeof *word);
        return true;
    }
    static bool set_registers(Dwfl_Thread* thread, void* data) {
        const sockdog_registers& r = static_cast<Impl*>(data)->stack->registers;
        const auto set = [thread](int number, Dwarf_Word value) {
            return dwfl_thread_state_registers(thread, number, 1, &value);
        };
        dwfl_thread_state_register_pc(thread, r.ip);
#if defined(__x86_64__)
        return set(3, r.callee_saved[0]) && set(6, r.bp) && set(7, r.sp) && set(12, r.callee_saved[1]) &&
               set(13, r.callee_saved[2]) && set(14, r.callee_saved[3]) && set(15, r.callee_saved[4]) &&
               set(16, r.ip);
#else
        return set(30, r.callee_saved[0]) && set(19, r.callee_saved[1]) && set(20, r.callee_saved[2]) &&
               set(21, r.callee_saved[3]) && set(22, r.callee_saved[4]) && set(29, r.bp) && set(31, r.sp);
#endif
    }
    static int take_frame(Dwfl_Frame* frame, void* data) {
        auto* self = static_cast<Impl*>(data);
        Dwarf_Addr pc = 0;
        if (!dwfl_frame_pc(frame, &pc, nullptr) || pc == 0) return DWARF_CB_ABORT;
        self->addresses.push_back(pc);
        return self->addresses.size() < kMostFrames ? DWARF_CB_OK : DWARF_CB_ABORT;
    }

    void unwind() {
        static const Dwfl_Thread_Callbacks kThread{.next_thread = next_thread,
                                                   .get_thread = nullptr,
                                                   .memory_read = read_memory,
                                                   .set_initial_registers = set_registers,
                                                   .detach = nullptr,
                                                   .thread_detach = nullptr};
        // The machine is that of the first module that can be opened.
        if (!is_attached)
            is_attached =
                dwfl_attach_state(dwfl.get(), nullptr, static_cast<pid_t>(process.pid), &kThread, this);
        if (is_attached)
            dwfl_getthread_frames(dwfl.get(), static_cast<pid_t>(stack->thread), take_frame, this);
    }
};

NativeNames::NativeNames(ProcessId process, const ProcRoot& proc, std::filesystem::path debug_directory,
                         NativeCache& cache)
    : impl_(std::make_unique<Impl>(process, proc, std::move(debug_directory), cache)) {}
NativeNames::~NativeNames() = default;

const std::string& NativeNames::executable() const {
    return impl_->executable;
}

bool NativeNames::is_current() const {
    const auto maps = impl_->proc.read(impl_->process.pid, "maps");
    return maps && group(parse_mappings(*maps)) == impl_->modules;
}

std::vector<std::uint64_t> NativeNames::unwind(const CallStack& stack) {
    impl_->addresses.clear();
    if (!impl_->dwfl || stack.copy.empty()) return {};
    impl_->stack = &stack;
    impl_->unwind();
    impl_->stack = nullptr;
    return std::move(impl_->addresses);
}

std::vector<CallFrame> NativeNames::name(std::uint64_t address, bool is_return_address) {
    const Module* module = impl_->module_at(address);
    std::vector<CallFrame> frames;
    if (!module || !module->module) {
        frames.emplace_back().address = address;
        return frames;
    }
    const std::uint64_t looked_up = is_return_address ? address - 1 : address;
    const std::string id = Impl::build_id(module->module);
    const std::string key = id + ":" + std::to_string(looked_up - module->first.start);
    const auto* known = id.empty() ? nullptr : impl_->cache.find(key);
    frames =
        known ? *known : find_native_lines(module->module, looked_up, impl_->may_use_dwarf(module->module));
    if (!known && frames.back().line == 0 && module->first.path == impl_->executable)
        impl_->name_by_go(looked_up, frames);
    if (!known && !id.empty()) impl_->cache.remember(key, frames);
    for (CallFrame& frame : frames) {
        frame.address = address;
        frame.module = module->first.path;
        frame.origin = FrameOrigin::kUnknown;
    }
    return frames;
}

}  // namespace sockdog
