<?php
/**
 * @package Example
 */
/*
Plugin Name: Example: a plugin */ ?>
 * version:1.2.3
Author: A
License: GPLv2 or later
Plugin URI: https://example.org/
*/
