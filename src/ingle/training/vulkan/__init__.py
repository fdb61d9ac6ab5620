"""The executor for every GPU with a Vulkan driver: our own shaders on wgpu."""
